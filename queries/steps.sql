-- Steps by their NVTX ranges (step 0, denoising_step_0_t999, ProfilerStep#0, ...), with the kernels launched in each.
--
-- One row is: one closed push/pop range whose text has "step" and then a number.
--
-- Needs: NVTX_EVENTS(start, end, eventType, text?, globalTid, textId?)
-- Needs: StringIds(id, value)
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME(start, globalTid, correlationId)
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, end, correlationId, globalPid)
--
-- Columns:
--   text          text   text of the range
--   cpu_start_ns  ns     when the range opened
--   cpu_ns        ns     how long it was open
--   kernels       count  kernels launched on its thread while it was open
--   gpu_start_ns  ns     start of the first of them, NULL without kernels
--   gpu_end_ns    ns     end of the last of them
--   gpu_ns        ns     from the first start to the last end
--   kernel_ns     ns     sum of their durations
WITH step AS MATERIALIZED (
    SELECT
        range.rowid AS id,
        coalesce(registered.value, range.text) AS text,
        range.start AS start,
        range.end AS end,
        range.globalTid AS thread
    FROM NVTX_EVENTS AS range
    LEFT JOIN StringIds AS registered ON registered.id = range.textId
    WHERE
        range.eventType IN (59, 70)
        AND range.end IS NOT NULL
        AND lower(coalesce(registered.value, range.text)) GLOB '*step[ _#]*[0-9]*'
),
launched AS MATERIALIZED (
    SELECT call.globalTid AS thread, call.start AS start, kernel.start AS gpu_start, kernel.end AS gpu_end
    FROM CUPTI_ACTIVITY_KIND_KERNEL AS kernel
    JOIN CUPTI_ACTIVITY_KIND_RUNTIME AS call
        ON call.correlationId = kernel.correlationId AND call.globalTid & ~0xFFFFFF = kernel.globalPid
)
SELECT
    step.text AS text,
    step.start AS cpu_start_ns,
    step.end - step.start AS cpu_ns,
    count(launched.start) AS kernels,
    min(launched.gpu_start) AS gpu_start_ns,
    max(launched.gpu_end) AS gpu_end_ns,
    max(launched.gpu_end) - min(launched.gpu_start) AS gpu_ns,
    ifnull(sum(launched.gpu_end - launched.gpu_start), 0) AS kernel_ns
FROM step
LEFT JOIN launched
    ON launched.thread = step.thread AND launched.start >= step.start AND launched.start < step.end
GROUP BY step.id
ORDER BY step.start, step.end DESC;
