// Four neighbouring floats, which a device loads and stores with one 16-byte instruction.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>Four floats in registers. In memory they start at a multiple of 16 bytes.</summary>
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
