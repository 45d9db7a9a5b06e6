// Neighbouring floats, which a device loads and stores with one instruction of 8 or 16 bytes.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>Two floats in registers. In memory they start at a multiple of 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float2(float x, float y)
{
    public readonly float X = x;
    public readonly float Y = y;
}

/// <summary>
/// Four floats in registers. In memory they start at a multiple of 16 bytes, as every fourth element of a matrix does whose number of columns is a
/// multiple of four: buffers are aligned, and windows onto them are whole rows.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float4(float x, float y, float z, float w)
{
    public readonly float X = x;
    public readonly float Y = y;
    public readonly float Z = z;
    public readonly float W = w;
}

/// <summary>Four doubles in registers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Double4(double x, double y, double z, double w)
{
    public readonly double X = x;
    public readonly double Y = y;
    public readonly double Z = z;
    public readonly double W = w;

    /// <summary>Adds four floats.</summary>
    public static Double4 operator +(Double4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);
}
