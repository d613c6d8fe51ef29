-- Times in which a GPU ran nothing, the longest first.
--
-- One row is: one gap between two operations (kernels, copies, memory sets, whole graphs) of one device.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL?(start, end, deviceId)
-- Needs: CUPTI_ACTIVITY_KIND_MEMCPY?(start, end, deviceId)
-- Needs: CUPTI_ACTIVITY_KIND_MEMSET?(start, end, deviceId)
-- Needs: CUPTI_ACTIVITY_KIND_GRAPH_TRACE?(start, end, deviceId)
--
-- Columns:
--   device    id  CUDA device ordinal
--   start_ns  ns  end of everything before
--   end_ns    ns  start of the next operation
--   gap_ns    ns  end - start
WITH operation AS (
    SELECT deviceId AS device, start, end FROM CUPTI_ACTIVITY_KIND_KERNEL
    UNION ALL
    SELECT deviceId, start, end FROM CUPTI_ACTIVITY_KIND_MEMCPY
    UNION ALL
    SELECT deviceId, start, end FROM CUPTI_ACTIVITY_KIND_MEMSET
    UNION ALL
    SELECT deviceId, start, end FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE
),
after_all AS (
    SELECT
        device,
        max(end) OVER (
            PARTITION BY device ORDER BY start, end ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS idle_since,
        start
    FROM operation
)
SELECT device, idle_since AS start_ns, start AS end_ns, start - idle_since AS gap_ns
FROM after_all
WHERE start > idle_since
ORDER BY start - idle_since DESC, start, device;
