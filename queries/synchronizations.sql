-- Every wait for the GPU, in the order in which it started.
--
-- One row is: one synchronization of a stream, an event or a context.
--
-- Needs: CUPTI_ACTIVITY_KIND_SYNCHRONIZATION(start, end, deviceId, streamId, correlationId?, globalPid?, syncType)
-- Needs: ENUM_CUPTI_SYNC_TYPE?(id, label)
--
-- Columns:
--   start_ns     ns    start of the wait
--   end_ns       ns    its end
--   duration_ns  ns    end - start
--   kind         text  such as Stream sync; the number of the kind where the export names none
--   device       id    CUDA device ordinal
--   stream       id    CUDA stream
--   pid          id    process
--   correlation  id    shared with the API call, within one process
SELECT
    wait.start AS start_ns,
    wait.end AS end_ns,
    wait.end - wait.start AS duration_ns,
    ifnull(kind.label, wait.syncType) AS kind,
    wait.deviceId AS device,
    wait.streamId AS stream,
    wait.globalPid >> 24 & 0xFFFFFF AS pid,
    wait.correlationId AS correlation
FROM CUPTI_ACTIVITY_KIND_SYNCHRONIZATION AS wait
LEFT JOIN ENUM_CUPTI_SYNC_TYPE AS kind ON kind.id = wait.syncType
ORDER BY wait.start, wait.end;
