// Philox 4x32-10: random numbers as a pure function of a key and a counter, the same on the host and in a kernel.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>Four random words.</summary>
public readonly record struct Words(uint A, uint B, uint C, uint D);

/// <summary>Philox 4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011).</summary>
public static class Philox
{
    private const int Rounds = 10;
    private const uint MultiplierA = 0xD2511F53;
    private const uint MultiplierC = 0xCD9E8D57;
    private const uint WeylA = 0x9E3779B9;
    private const uint WeylB = 0xBB67AE85;

    /// <summary>The four words of one counter. Also called in kernels.</summary>
    public static Words Block(uint keyA, uint keyB, uint a, uint b, uint c, uint d)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong productA = (ulong)MultiplierA * a;
            ulong productC = (ulong)MultiplierC * c;
            a = (uint)(productC >> 32) ^ b ^ keyA;
            c = (uint)(productA >> 32) ^ d ^ keyB;
            b = (uint)productC;
            d = (uint)productA;
            keyA += WeylA;
            keyB += WeylB;
        }

        return new(a, b, c, d);
    }

    /// <summary>Sixteen counters at once, one a lane.</summary>
    internal static void Block(
        uint keyA, uint keyB, ref Vector512<uint> a, ref Vector512<uint> b, ref Vector512<uint> c, ref Vector512<uint> d)
    {
        for (int round = 0; round < Rounds; round++)
        {
            Multiply(a, MultiplierA, out Vector512<uint> highA, out Vector512<uint> lowA);
            Multiply(c, MultiplierC, out Vector512<uint> highC, out Vector512<uint> lowC);
            a = highC ^ b ^ Vector512.Create(keyA);
            c = highA ^ d ^ Vector512.Create(keyB);
            b = lowC;
            d = lowA;
            keyA += WeylA;
            keyB += WeylB;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Multiply(Vector512<uint> x, uint multiplier, out Vector512<uint> high, out Vector512<uint> low)
    {
        Vector512<uint> m = Vector512.Create(multiplier);
        low = x * m;
        if (Avx512F.IsSupported)
        {
            // vpmuludq multiplies the even lanes only.
            Vector512<uint> even = Avx512F.Multiply(x, m).AsUInt32();
            Vector512<uint> odd = Avx512F.Multiply(Vector512.ShiftRightLogical(x.AsUInt64(), 32).AsUInt32(), m).AsUInt32();
            high = Vector512.ConditionalSelect(
                Vector512.Create(0xFFFFFFFFul).AsUInt32(), Vector512.ShiftRightLogical(even.AsUInt64(), 32).AsUInt32(), odd);
            return;
        }

        (Vector512<ulong> lower, Vector512<ulong> upper) = Vector512.Widen(x);
        Vector512<ulong> wide = Vector512.Create((ulong)multiplier);
        high = Vector512.Narrow(Vector512.ShiftRightLogical(lower * wide, 32), Vector512.ShiftRightLogical(upper * wide, 32));
    }
}
