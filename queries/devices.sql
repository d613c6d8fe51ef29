-- The GPUs of the traced machine, as CUDA numbered them.
--
-- One row is: one GPU as one process saw it. Where the export does not map CUDA's numbers, device is the GPU's
-- own number and pid is NULL.
--
-- Needs: TARGET_INFO_GPU(id, name, totalMemory?, memoryBandwidth?, clockRate?, smCount?, computeMajor?,
--        computeMinor?)
-- Needs: TARGET_INFO_CUDA_DEVICE?(gpuId, cudaId, pid)
--
-- Columns:
--   pid                     id     process
--   device                  id     CUDA device ordinal
--   name                    text   such as NVIDIA H200
--   compute_capability      text   such as 9.0
--   multiprocessors         count  streaming multiprocessors
--   memory_bytes            bytes  device memory
--   memory_bytes_per_second bytes  bandwidth of the device memory
--   clock_hz                Hz     clock of the multiprocessors
SELECT
    cuda.pid AS pid,
    ifnull(cuda.cudaId, gpu.id) AS device,
    gpu.name AS name,
    gpu.computeMajor || '.' || gpu.computeMinor AS compute_capability,
    gpu.smCount AS multiprocessors,
    gpu.totalMemory AS memory_bytes,
    gpu.memoryBandwidth AS memory_bytes_per_second,
    gpu.clockRate AS clock_hz
FROM TARGET_INFO_GPU AS gpu
LEFT JOIN TARGET_INFO_CUDA_DEVICE AS cuda ON cuda.gpuId = gpu.id
ORDER BY 1, 2;
