-- Every kernel with the API call that launched it, and how long it waited.
--
-- One row is: one kernel. All kernels of one graph launch share their call.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, end, deviceId, streamId, correlationId, globalPid, demangledName)
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME(start, end, globalTid, correlationId, nameId)
-- Needs: StringIds(id, value)
--
-- Columns:
--   call_start_ns    ns    start of the API call
--   call_ns          ns    how long it took
--   call             text  function, such as cudaLaunchKernel_v7000
--   pid              id    process
--   tid              id    thread that launched
--   kernel_start_ns  ns    start of the kernel
--   kernel_ns        ns    how long it ran
--   delay_ns         ns    start of the kernel - return of the call; negative when it started before
--   device           id    CUDA device ordinal
--   stream           id    CUDA stream
--   name             text  demangled name of the kernel
SELECT
    call.start AS call_start_ns,
    call.end - call.start AS call_ns,
    function.value AS call,
    call.globalTid >> 24 & 0xFFFFFF AS pid,
    call.globalTid & 0xFFFFFF AS tid,
    kernel.start AS kernel_start_ns,
    kernel.end - kernel.start AS kernel_ns,
    kernel.start - call.end AS delay_ns,
    kernel.deviceId AS device,
    kernel.streamId AS stream,
    name.value AS name
FROM CUPTI_ACTIVITY_KIND_KERNEL AS kernel
JOIN CUPTI_ACTIVITY_KIND_RUNTIME AS call
    ON call.correlationId = kernel.correlationId AND call.globalTid & ~0xFFFFFF = kernel.globalPid
LEFT JOIN StringIds AS function ON function.id = call.nameId
LEFT JOIN StringIds AS name ON name.id = kernel.demangledName
ORDER BY kernel.start, kernel.end;
