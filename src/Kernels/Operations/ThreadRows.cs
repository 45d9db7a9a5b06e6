// The rows of one thread in registers: structs of structs, a field a row, so that nothing is indexed and nothing goes to local memory.
namespace FlGpu.Kernels;

/// <summary>A column as it lies in memory.</summary>
internal interface IColumnSource
{
    /// <summary>Number of its rows.</summary>
    int Rows { get; }

    /// <summary>The bits of the value in a row.</summary>
    int BitsAt(int row);
}

/// <summary>Is shown one integer of each row after the other: bits, or keys.</summary>
internal interface IRowVisitor<TSelf> where TSelf : struct, IRowVisitor<TSelf>
{
    /// <summary>What the visitor has become after one more row.</summary>
    TSelf With(int row);
}

/// <summary>
/// Some rows of a column, <c>step</c> apart. ILGPU makes a value of every field, which the device compiler keeps in a register. What is loaded is
/// best used only behind a barrier: ILGPU's O2 moves a load next to its use, but not from one block of code to another, and all loads
/// are to be on their way at once.
/// </summary>
internal interface IThreadRows<TSelf> where TSelf : struct, IThreadRows<TSelf>
{
    /// <summary>Number of rows.</summary>
    static abstract int Count { get; }

    /// <summary>Loads the bits of the rows <paramref name="row"/>, <paramref name="row"/> + <paramref name="step"/>, ...</summary>
    static abstract TSelf Load<TSource>(TSource source, int row, int step) where TSource : struct, IColumnSource;

    /// <summary>The rows with <see cref="OrderedKey"/>s instead of bits.</summary>
    TSelf Keys();

    /// <summary>Shows the rows to a visitor, always in the same order.</summary>
    TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor>;
}

/// <summary>Makes types of any number of rows.</summary>
internal static class ThreadRows
{
    /// <summary>
    /// A type of so many rows, of which the last may be missing: the largest power of two of them, and the others after them. Of other shapes
    /// ILGPU leaves some in local memory.
    /// </summary>
    public static Type Type(int count)
    {
        if (count == 1)
        {
            return typeof(LastRow);
        }

        int half = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count) / 2;
        return typeof(RowPair<,>).MakeGenericType(FullType(half), Type(count - half));
    }

    private static Type FullType(int count) => count == 1 ? typeof(OneRow) : typeof(RowPair<,>).MakeGenericType(FullType(count / 2), FullType(count / 2));
}

/// <summary>A row.</summary>
internal readonly struct OneRow(int value) : IThreadRows<OneRow>
{
    public static int Count => 1;

    public static OneRow Load<TSource>(TSource source, int row, int step) where TSource : struct, IColumnSource => new(source.BitsAt(row));

    public OneRow Keys() => new(OrderedKey.OfBits(value));

    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> => visitor.With(value);
}

/// <summary>
/// A row that the column may no longer have: its <paramref name="floor"/> is then above all others, both as a NaN's bits and as a key, so that no
/// rank below the number of rows changes.
/// </summary>
internal readonly struct LastRow(int value, int floor) : IThreadRows<LastRow>
{
    public static int Count => 1;

    public static LastRow Load<TSource>(TSource source, int row, int step) where TSource : struct, IColumnSource =>
        new(source.BitsAt(IntrinsicMath.Min(row, source.Rows - 1)), row < source.Rows ? int.MinValue : int.MaxValue);

    public LastRow Keys() => new(OrderedKey.OfBits(value), floor);

    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> => visitor.With(IntrinsicMath.Max(value, floor));
}

/// <summary>Rows, and the rows after them.</summary>
internal readonly struct RowPair<TFirst, TSecond>(TFirst first, TSecond second) : IThreadRows<RowPair<TFirst, TSecond>>
    where TFirst : struct, IThreadRows<TFirst> where TSecond : struct, IThreadRows<TSecond>
{
    public static int Count => TFirst.Count + TSecond.Count;

    public static RowPair<TFirst, TSecond> Load<TSource>(TSource source, int row, int step) where TSource : struct, IColumnSource
    {
        TFirst first = TFirst.Load(source, row, step);
        return new(first, TSecond.Load(source, row + (TFirst.Count * step), step));
    }

    public RowPair<TFirst, TSecond> Keys() => new(first.Keys(), second.Keys());

    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> => second.ForEach(first.ForEach(visitor));
}
