// Rows out of an array that is stored column after column.
namespace FlGpu.Harness.Updates;

internal static unsafe class ColumnMajor
{
    /// <summary>As many rows as share a cache line, at most.</summary>
    public const int RowsAtOnce = 32;

    /// <summary>
    /// Copies whole rows, from <paramref name="firstRow"/> on, of the n x d array at <paramref name="data"/>. Each column is a run of n
    /// numbers, of which a block of rows is a contiguous part.
    /// </summary>
    public static void ReadRows(byte* data, ElementType type, int allRows, int columns, int firstRow, Span<float> rows)
    {
        int count = rows.Length / columns;
        float[] part = new float[count];
        for (int column = 0; column < columns; column++)
        {
            type.Read(data + ((((long)column * allRows) + firstRow) * type.Bytes), part);
            for (int row = 0; row < count; row++)
            {
                rows[(row * columns) + column] = part[row];
            }
        }
    }
}
