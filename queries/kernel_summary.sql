-- GPU time by kernel name, the most expensive first.
--
-- One row is: all kernels of one demangled name.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, end, demangledName)
-- Needs: StringIds(id, value)
--
-- Columns:
--   name          text   demangled name
--   count         count  kernels
--   total_ns      ns     sum of durations
--   mean_ns       ns     total / count
--   min_ns        ns     shortest
--   max_ns        ns     longest
--   kernel_share  0..1   part of the time of all kernels; copies and memory sets are not in it
WITH summary AS (
    SELECT
        demangledName AS id,
        count(*) AS count,
        sum(end - start) AS total_ns,
        min(end - start) AS min_ns,
        max(end - start) AS max_ns
    FROM CUPTI_ACTIVITY_KIND_KERNEL
    GROUP BY demangledName
)
SELECT
    name.value AS name,
    summary.count AS count,
    summary.total_ns AS total_ns,
    1.0 * summary.total_ns / summary.count AS mean_ns,
    summary.min_ns AS min_ns,
    summary.max_ns AS max_ns,
    1.0 * summary.total_ns / nullif(sum(summary.total_ns) OVER (), 0) AS kernel_share
FROM summary
LEFT JOIN StringIds AS name ON name.id = summary.id
ORDER BY summary.total_ns DESC, summary.id;
