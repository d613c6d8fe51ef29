-- What each CUDA stream did.
--
-- One row is: one stream of one process on one device.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL?(start, end, deviceId, streamId, globalPid?)
-- Needs: CUPTI_ACTIVITY_KIND_MEMCPY?(start, end, deviceId, streamId, globalPid?)
-- Needs: CUPTI_ACTIVITY_KIND_MEMSET?(start, end, deviceId, streamId, globalPid?)
-- Needs: CUPTI_ACTIVITY_KIND_GRAPH_TRACE?(start, end, deviceId, streamId, globalPid?)
--
-- Columns:
--   pid       id     process
--   device    id     CUDA device ordinal
--   stream    id     CUDA stream
--   kernels   count  kernels
--   memcpys   count  memory copies
--   memsets   count  memory sets
--   graphs    count  graphs that ran as a whole
--   total_ns  ns     sum of all durations
--   start_ns  ns     start of the first operation
--   end_ns    ns     end of the last one
WITH operation AS (
    SELECT globalPid, deviceId, streamId, 'kernel' AS kind, start, end FROM CUPTI_ACTIVITY_KIND_KERNEL
    UNION ALL
    SELECT globalPid, deviceId, streamId, 'memcpy', start, end FROM CUPTI_ACTIVITY_KIND_MEMCPY
    UNION ALL
    SELECT globalPid, deviceId, streamId, 'memset', start, end FROM CUPTI_ACTIVITY_KIND_MEMSET
    UNION ALL
    SELECT globalPid, deviceId, streamId, 'graph', start, end FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE
)
SELECT
    globalPid >> 24 & 0xFFFFFF AS pid,
    deviceId AS device,
    streamId AS stream,
    sum(kind = 'kernel') AS kernels,
    sum(kind = 'memcpy') AS memcpys,
    sum(kind = 'memset') AS memsets,
    sum(kind = 'graph') AS graphs,
    sum(end - start) AS total_ns,
    min(start) AS start_ns,
    max(end) AS end_ns
FROM operation
GROUP BY globalPid, deviceId, streamId
ORDER BY 1, 2, 3;
