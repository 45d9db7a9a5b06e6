// Keys of random numbers. A child key depends on its parent and its label only, never on the order of calls.
namespace FlGpu.Kernels;

/// <summary>A Philox key. Fold it by seed, purpose, client and round; read numbers with <see cref="Stream"/>.</summary>
public readonly record struct RngKey(uint A, uint B)
{
    private const uint FoldTag = 0xF01D;
    private const uint StreamTag = 0x57EA;

    /// <summary>The key of a seed.</summary>
    public static RngKey FromSeed(ulong seed) => new((uint)seed, (uint)(seed >> 32));

    /// <summary>The child key of a label. Also called in kernels, as is <see cref="Stream"/>.</summary>
    public RngKey Fold(ulong label)
    {
        Words words = Philox.Block(A, B, (uint)label, (uint)(label >> 32), FoldTag, 0);
        return new(words.A, words.B);
    }

    /// <summary>The numbers of this key, from the first on.</summary>
    public RngStream Stream() => new(this, StreamTag);
}

/// <summary>Reads the numbers of a key one after another.</summary>
public struct RngStream
{
    private readonly RngKey _key;
    private readonly uint _tag;
    private ulong _block;
    private int _used = 4;
    private Words _words;
    private double _spareNormal = double.NaN;

    internal RngStream(RngKey key, uint tag) => (_key, _tag) = (key, tag);

    /// <summary>A word of 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (_used == 4)
        {
            _words = Philox.Block(_key.A, _key.B, (uint)_block, (uint)(_block >> 32), _tag, 0);
            _block++;
            _used = 0;
        }

        return _used++ switch { 0 => _words.A, 1 => _words.B, 2 => _words.C, _ => _words.D };
    }

    /// <summary>A whole number in [0, <paramref name="bound"/>), each equally likely.</summary>
    public int NextInt32(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return Below(bound);
    }

    /// <summary>The same without the check of the bound. Also called in kernels.</summary>
    internal int Below(int bound)
    {
        // Lemire 2019: multiply, and reject the few low words that would favour some results.
        ulong product = (ulong)NextUInt32() * (uint)bound;
        if ((uint)product < (uint)bound)
        {
            uint threshold = (uint)(-bound) % (uint)bound;
            while ((uint)product < threshold)
            {
                product = (ulong)NextUInt32() * (uint)bound;
            }
        }

        return (int)(product >> 32);
    }

    /// <summary>Uniform in [0, 1), with 53 random bits.</summary>
    public double NextDouble() => ((((ulong)NextUInt32() << 32) | NextUInt32()) >> 11) * (1.0 / (1ul << 53));

    /// <summary>Standard normal (Box and Muller 1958).</summary>
    public double NextNormal()
    {
        if (!double.IsNaN(_spareNormal))
        {
            double spare = _spareNormal;
            _spareNormal = double.NaN;
            return spare;
        }

        double radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble()));
        (double sin, double cos) = Math.SinCos(2 * Math.PI * NextDouble());
        _spareNormal = radius * sin;
        return radius * cos;
    }

    /// <summary>Gamma distributed with shape <paramref name="shape"/> and scale 1 (Marsaglia and Tsang 2000).</summary>
    public double NextGamma(double shape)
    {
        if (shape < 1)
        {
            return NextGamma(shape + 1) * Math.Pow(1 - NextDouble(), 1 / shape);
        }

        double d = shape - (1.0 / 3);
        double c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = NextNormal();
            double v = 1 + (c * x);
            if (v <= 0)
            {
                continue;
            }

            v = v * v * v;
            if (Math.Log(1 - NextDouble()) < (0.5 * x * x) + d - (d * v) + (d * Math.Log(v)))
            {
                return d * v;
            }
        }
    }

    /// <summary>Puts <paramref name="items"/> in random order (Fisher and Yates 1938).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
