-- Every memory set that a GPU did, in the order in which it started.
--
-- One row is: one memory set.
--
-- Needs: CUPTI_ACTIVITY_KIND_MEMSET(start, end, deviceId, streamId, correlationId?, globalPid?, value, bytes,
--        memKind?)
-- Needs: ENUM_CUDA_MEM_KIND?(id, label)
--
-- Columns:
--   start_ns     ns     start on the GPU
--   end_ns       ns     end on the GPU
--   duration_ns  ns     end - start
--   device       id     CUDA device ordinal
--   stream       id     CUDA stream
--   bytes        bytes  bytes set
--   value        count  what they were set to
--   memory       text   kind of memory: Device, Managed, ...
--   pid          id     process
--   correlation  id     shared with the API call that asked for it, within one process
SELECT
    memset.start AS start_ns,
    memset.end AS end_ns,
    memset.end - memset.start AS duration_ns,
    memset.deviceId AS device,
    memset.streamId AS stream,
    memset.bytes AS bytes,
    memset.value AS value,
    kind.label AS memory,
    memset.globalPid >> 24 & 0xFFFFFF AS pid,
    memset.correlationId AS correlation
FROM CUPTI_ACTIVITY_KIND_MEMSET AS memset
LEFT JOIN ENUM_CUDA_MEM_KIND AS kind ON kind.id = memset.memKind
ORDER BY memset.start, memset.end;
