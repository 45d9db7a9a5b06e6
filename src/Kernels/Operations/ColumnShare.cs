// What a thread sees of its column in a search by rank: its share of the rows, in registers or read anew each time.
namespace FlGpu.Kernels;

/// <summary>
/// A thread's place in a group that shares a panel: 2^<paramref name="widthBits"/> neighbouring columns of <paramref name="rows"/> rows. The
/// thread belongs to one column and has every <see cref="RowStep"/>-th of its rows.
/// </summary>
internal readonly struct PanelPlace(int widthBits, int rows)
{
    public int WidthBits => widthBits;

    public int Width => 1 << widthBits;

    public int Rows => rows;

    public int Column => Group.IdxX & (Width - 1);

    public int FirstRow => Group.IdxX >> widthBits;

    public int RowStep => Group.DimX >> widthBits;
}

/// <summary>A thread's share of a column.</summary>
internal interface IColumnShare
{
    /// <summary>Shows every row of the share to a visitor, always in the same order.</summary>
    TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor>;
}

/// <summary>Rows that are in registers.</summary>
internal readonly struct RegisterShare<TRows>(TRows rows) : IColumnShare where TRows : struct, IThreadRows<TRows>
{
    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> => rows.ForEach(visitor);
}

/// <summary>Rows that are read each time, as bits.</summary>
internal readonly struct StreamedShare<TSource>(TSource source, PanelPlace place) : IColumnShare where TSource : struct, IColumnSource
{
    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor>
    {
        int lastRow = source.Rows - 1;
        for (int row = place.FirstRow; row <= lastRow; row += 4 * place.RowStep)
        {
            // Four rows are on their way at once; rows past the last read it again and do not count.
            int row1 = row + place.RowStep;
            int row2 = row1 + place.RowStep;
            int row3 = row2 + place.RowStep;
            int bits = source.BitsAt(row);
            int bits1 = source.BitsAt(IntrinsicMath.Min(row1, lastRow));
            int bits2 = source.BitsAt(IntrinsicMath.Min(row2, lastRow));
            int bits3 = source.BitsAt(IntrinsicMath.Min(row3, lastRow));
            visitor = visitor.With(bits);
            if (row1 <= lastRow)
            {
                visitor = visitor.With(bits1);
            }

            if (row2 <= lastRow)
            {
                visitor = visitor.With(bits2);
            }

            if (row3 <= lastRow)
            {
                visitor = visitor.With(bits3);
            }
        }

        return visitor;
    }
}

/// <summary>A share of bits as keys.</summary>
internal readonly struct KeyShare<TShare>(TShare share) : IColumnShare where TShare : struct, IColumnShare
{
    public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> => share.ForEach(new OfKey<TVisitor>(visitor)).Visitor;

    private readonly struct OfKey<TVisitor>(TVisitor visitor) : IRowVisitor<OfKey<TVisitor>> where TVisitor : struct, IRowVisitor<TVisitor>
    {
        public TVisitor Visitor => visitor;

        public OfKey<TVisitor> With(int bits) => new(visitor.With(OrderedKey.OfBits(bits)));
    }
}
