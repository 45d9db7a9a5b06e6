// Who is nearest to a row: one order for all that look at neighbours.
namespace FlGpu.Sim;

/// <summary>Orders neighbours by distance.</summary>
internal static class Nearest
{
    /// <summary>
    /// Fills <paramref name="order"/> with the indices of <paramref name="distances"/>, the row itself first, then the nearest; of equal
    /// distances the lower index first. NaN counts as infinite.
    /// </summary>
    public static void Order(ReadOnlySpan<float> distances, int self, Span<int> order)
    {
        // The bits of a number that is not negative are in its order: one key of distance and index sorts fast and never ties.
        ulong[] keys = new ulong[distances.Length];
        for (int j = 0; j < keys.Length; j++)
        {
            float distance = float.IsNaN(distances[j]) ? float.PositiveInfinity : distances[j];
            keys[j] = j == self ? (uint)j : ((ulong)(BitConverter.SingleToUInt32Bits(distance) + 1) << 32) | (uint)j;
        }

        keys.AsSpan().Sort();
        for (int j = 0; j < keys.Length; j++)
        {
            order[j] = (int)(uint)keys[j];
        }
    }
}
