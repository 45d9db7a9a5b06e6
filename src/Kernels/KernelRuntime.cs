// The one place that says where Grid, Group, ArrayView and the like come from: ILGPU, or the CPU stand-in.
#if ILGPU
global using ILGPU;
global using ILGPU.Runtime;
global using CudaAsm = ILGPU.Runtime.Cuda.CudaAsm;
#else
global using FlGpu.CpuRuntime;
#endif
