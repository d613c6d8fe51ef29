-- How long kernels waited between the return of their launch and their start, by kernel name.
--
-- One row is: all kernels of one demangled name. A long wait means that the GPU was busy with what was queued
-- before (good); a short one, that the CPU launches too slowly to keep it busy.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, correlationId, globalPid, demangledName)
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME(start, end, globalTid, correlationId)
-- Needs: StringIds(id, value)
--
-- Columns:
--   name           text   demangled name
--   count          count  kernels
--   mean_delay_ns  ns     mean of start on the GPU - return of the launch
--   min_delay_ns   ns     shortest; negative when a kernel started before its launch returned
--   max_delay_ns   ns     longest
--   mean_call_ns   ns     mean time inside the launch call
--   starved        count  kernels that started less than 10 us after their launch returned
WITH delay AS (
    SELECT
        kernel.demangledName AS id,
        kernel.start - call.end AS delay,
        call.end - call.start AS call
    FROM CUPTI_ACTIVITY_KIND_KERNEL AS kernel
    JOIN CUPTI_ACTIVITY_KIND_RUNTIME AS call
        ON call.correlationId = kernel.correlationId AND call.globalTid & ~0xFFFFFF = kernel.globalPid
),
summary AS (
    SELECT
        id,
        count(*) AS count,
        avg(delay) AS mean_delay,
        min(delay) AS min_delay,
        max(delay) AS max_delay,
        avg(call) AS mean_call,
        sum(delay < 10000) AS starved
    FROM delay
    GROUP BY id
)
SELECT
    name.value AS name,
    summary.count AS count,
    summary.mean_delay AS mean_delay_ns,
    summary.min_delay AS min_delay_ns,
    summary.max_delay AS max_delay_ns,
    summary.mean_call AS mean_call_ns,
    summary.starved AS starved
FROM summary
LEFT JOIN StringIds AS name ON name.id = summary.id
ORDER BY summary.count DESC, summary.id;
