// What a client has learned, written to its row of updates.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Differences of floats.</summary>
internal static unsafe class Difference
{
    private const int Lanes = 16;

    // So long that other clients' rows and the model push it out of the cache before anybody reads it.
    private const int TooLongToCache = 1 << 16;

    /// <summary>target[k] = a[k] - b[k] for k below <paramref name="length"/>.</summary>
    public static void Store(float* a, float* b, float* target, int length)
    {
        int k = 0;
        if (length >= TooLongToCache)
        {
            for (; ((nint)(target + k) & ((Lanes * sizeof(float)) - 1)) != 0; k++)
            {
                target[k] = a[k] - b[k];
            }

            for (; k + Lanes <= length; k += Lanes)
            {
                (Vector512.Load(a + k) - Vector512.Load(b + k)).StoreAlignedNonTemporal(target + k);
            }
        }

        for (; k + Lanes <= length; k += Lanes)
        {
            (Vector512.Load(a + k) - Vector512.Load(b + k)).Store(target + k);
        }

        for (; k < length; k++)
        {
            target[k] = a[k] - b[k];
        }
    }
}
