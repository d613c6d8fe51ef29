-- GPU time by kind of kernel, the most expensive first.
--
-- One row is: all kernels of one category that come from one library.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, end, demangledName)
-- Needs: StringIds(id, value)
--
-- Columns:
--   category      text   gemm, fmha, conv, norm, ...; unknown where no rule knows the kernel
--   library       text   where the kernels come from, such as cudnn
--   names         count  different kernels
--   count         count  kernels that ran
--   total_ns      ns     sum of durations
--   kernel_share  0..1   part of the time of all kernels; copies and memory sets are not in it
WITH by_name AS (
    SELECT demangledName AS id, count(*) AS count, sum(end - start) AS total_ns
    FROM CUPTI_ACTIVITY_KIND_KERNEL
    GROUP BY demangledName
)
SELECT
    kernel_category(name.value) AS category,
    kernel_library(name.value) AS library,
    count(*) AS names,
    sum(by_name.count) AS count,
    sum(by_name.total_ns) AS total_ns,
    1.0 * sum(by_name.total_ns) / nullif(sum(sum(by_name.total_ns)) OVER (), 0) AS kernel_share
FROM by_name
LEFT JOIN StringIds AS name ON name.id = by_name.id
GROUP BY 1, 2
ORDER BY sum(by_name.total_ns) DESC, 1, 2;
