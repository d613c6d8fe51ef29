-- CPU time in the CUDA API by function, the most expensive first.
--
-- One row is: all calls of one function. Times overlap where threads call at the same time.
--
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME(start, end, nameId)
-- Needs: StringIds(id, value)
--
-- Columns:
--   name      text   function, with the suffix of its version (cudaLaunchKernel_v7000)
--   class     text   launch, malloc, free, memcpy, memset, sync, event, ...
--   count     count  calls
--   total_ns  ns     sum of durations
--   mean_ns   ns     total / count
--   min_ns    ns     shortest
--   max_ns    ns     longest
--   share     0..1   part of the time of all calls
WITH summary AS (
    SELECT
        nameId AS id,
        count(*) AS count,
        sum(end - start) AS total_ns,
        min(end - start) AS min_ns,
        max(end - start) AS max_ns
    FROM CUPTI_ACTIVITY_KIND_RUNTIME
    GROUP BY nameId
)
SELECT
    name.value AS name,
    api_class(name.value) AS class,
    summary.count AS count,
    summary.total_ns AS total_ns,
    1.0 * summary.total_ns / summary.count AS mean_ns,
    summary.min_ns AS min_ns,
    summary.max_ns AS max_ns,
    1.0 * summary.total_ns / nullif(sum(summary.total_ns) OVER (), 0) AS share
FROM summary
LEFT JOIN StringIds AS name ON name.id = summary.id
ORDER BY summary.total_ns DESC, summary.id;
