// Who is nearest to a row: one order for all that look at neighbours.
namespace FlGpu.Sim;

/// <summary>Orders neighbours by distance, at most <paramref name="most"/> of them; its memory serves one call after another.</summary>
internal sealed class Nearest(int most)
{
    // Fewer are faster sorted by comparisons than by counting their digits: the counters alone take as long as a hundred comparisons.
    private const int FewestCounted = 64;

    // The bits of a distance are sorted in four digits of 256 values.
    private const int Digits = 4;
    private const int DigitBits = 8;
    private const int DigitValues = 1 << DigitBits;

    private readonly ulong[] _keys = new ulong[most];
    private readonly ulong[] _moved = new ulong[most];
    private readonly int[] _counts = new int[Digits * DigitValues];

    /// <summary>
    /// Fills <paramref name="order"/> with the indices of <paramref name="distances"/> (none negative), the row <paramref name="self"/> first,
    /// then the nearest; of equal distances the lower index first. NaN counts as infinite. With a self of -1 there is no row to come first.
    /// </summary>
    public void Order(ReadOnlySpan<float> distances, int self, Span<int> order)
    {
        // The bits of a number that is not negative are in its order: one key of distance and index sorts fast and never ties.
        Span<ulong> keys = _keys.AsSpan(0, distances.Length);
        for (int j = 0; j < keys.Length; j++)
        {
            float distance = float.IsNaN(distances[j]) ? float.PositiveInfinity : distances[j];
            keys[j] = ((ulong)(BitConverter.SingleToUInt32Bits(distance) + 1) << 32) | (uint)j;
        }

        if (self >= 0)
        {
            keys[self] = (uint)self;
        }

        if (keys.Length < FewestCounted)
        {
            keys.Sort();
        }
        else
        {
            keys = SortByDigits(keys, _moved.AsSpan(0, keys.Length));
        }

        for (int j = 0; j < keys.Length; j++)
        {
            order[j] = (int)(uint)keys[j];
        }
    }

    /// <summary>Sorts by the upper half of each key, from its last digit to its first; what is equal keeps its order. The result is in either span.</summary>
    private Span<ulong> SortByDigits(Span<ulong> keys, Span<ulong> moved)
    {
        _counts.AsSpan().Clear();
        Span<int> first = _counts.AsSpan(0, DigitValues);
        Span<int> second = _counts.AsSpan(DigitValues, DigitValues);
        Span<int> third = _counts.AsSpan(2 * DigitValues, DigitValues);
        Span<int> fourth = _counts.AsSpan(3 * DigitValues, DigitValues);
        foreach (ulong key in keys)
        {
            first[(byte)(key >> 32)]++;
            second[(byte)(key >> 40)]++;
            third[(byte)(key >> 48)]++;
            fourth[(byte)(key >> 56)]++;
        }

        for (int digit = 0; digit < Digits; digit++)
        {
            int shift = 32 + (digit * DigitBits);
            Span<int> places = _counts.AsSpan(digit * DigitValues, DigitValues);
            if (places[(byte)(keys[0] >> shift)] == keys.Length)
            {
                continue; // all have this digit
            }

            int place = 0;
            foreach (ref int value in places)
            {
                (value, place) = (place, place + value);
            }

            foreach (ulong key in keys)
            {
                moved[places[(byte)(key >> shift)]++] = key;
            }

            Span<ulong> sorted = moved;
            moved = keys;
            keys = sorted;
        }

        return keys;
    }
}
