-- Every CUDA runtime and driver API call, in the order in which it started.
--
-- One row is: one call on one CPU thread.
--
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME(start, end, globalTid?, correlationId?, nameId, returnValue)
-- Needs: StringIds(id, value)
--
-- Columns:
--   start_ns      ns    start of the call
--   end_ns        ns    its return
--   duration_ns   ns    end - start
--   name          text  function, with the suffix of its version (cudaLaunchKernel_v7000)
--   class         text  launch, malloc, free, memcpy, memset, sync, event, ...
--   pid           id    process
--   tid           id    thread
--   correlation   id    shared with the GPU work that it submitted, within one process
--   return_value  id    cudaError or CUresult, 0 is success
SELECT
    call.start AS start_ns,
    call.end AS end_ns,
    call.end - call.start AS duration_ns,
    name.value AS name,
    api_class(name.value) AS class,
    call.globalTid >> 24 & 0xFFFFFF AS pid,
    call.globalTid & 0xFFFFFF AS tid,
    call.correlationId AS correlation,
    call.returnValue AS return_value
FROM CUPTI_ACTIVITY_KIND_RUNTIME AS call
LEFT JOIN StringIds AS name ON name.id = call.nameId
ORDER BY call.start, call.end;
