-- Allocations by device and kind of memory, with the highest use.
--
-- One row is: one kind of memory of one process on one device.
--
-- Needs: CUDA_GPU_MEMORY_USAGE_EVENTS(start, globalPid, deviceId, bytes, memKind, memoryOperationType)
-- Needs: ENUM_CUDA_MEM_KIND?(id, label)
--
-- Columns:
--   pid              id     process
--   device           id     CUDA device ordinal
--   memory           text   kind of memory: Device, Pinned, ...
--   allocations      count  allocations
--   releases         count  releases
--   allocated_bytes  bytes  sum of all allocations
--   peak_bytes       bytes  highest sum of what was allocated and not released, since the trace began
--   left_bytes       bytes  that sum at the end of the trace
WITH running AS (
    SELECT
        globalPid,
        deviceId,
        memKind,
        memoryOperationType,
        bytes,
        sum(CASE memoryOperationType WHEN 0 THEN bytes WHEN 1 THEN -bytes END) OVER (
            PARTITION BY globalPid, deviceId, memKind
            ORDER BY start, rowid
            ROWS UNBOUNDED PRECEDING
        ) AS in_use
    FROM CUDA_GPU_MEMORY_USAGE_EVENTS
)
SELECT
    running.globalPid >> 24 & 0xFFFFFF AS pid,
    running.deviceId AS device,
    ifnull(kind.label, running.memKind) AS memory,
    sum(running.memoryOperationType = 0) AS allocations,
    sum(running.memoryOperationType = 1) AS releases,
    sum(CASE running.memoryOperationType WHEN 0 THEN running.bytes ELSE 0 END) AS allocated_bytes,
    max(running.in_use) AS peak_bytes,
    sum(CASE running.memoryOperationType WHEN 0 THEN running.bytes WHEN 1 THEN -running.bytes END) AS left_bytes
FROM running
LEFT JOIN ENUM_CUDA_MEM_KIND AS kind ON kind.id = running.memKind
GROUP BY running.globalPid, running.deviceId, running.memKind
ORDER BY max(running.in_use) DESC, 1, 2, running.memKind;
