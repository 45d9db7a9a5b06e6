// Where the left factor of a matrix product is read: rows or columns, evenly spaced or listed one by one.
namespace FlGpu.Kernels;

/// <summary>A of A x B: lines of floats that are its rows or, when it is read transposed, its columns.</summary>
internal unsafe interface ILeftFactor
{
    /// <summary>Whether a line is a column.</summary>
    static abstract bool HasColumns { get; }

    /// <summary>Line <paramref name="i"/>.</summary>
    float* Line(int i);
}

/// <summary>Rows a fixed stride apart.</summary>
internal readonly unsafe struct EvenRows(float* first, int stride) : ILeftFactor
{
    public static bool HasColumns => false;

    public float* Line(int i) => first + ((long)i * stride);
}

/// <summary>Columns a fixed stride apart.</summary>
internal readonly unsafe struct EvenColumns(float* first, int stride) : ILeftFactor
{
    public static bool HasColumns => true;

    public float* Line(int i) => first + ((long)i * stride);
}

/// <summary>Rows wherever they are.</summary>
internal readonly unsafe struct RowList(float** lines) : ILeftFactor
{
    public static bool HasColumns => false;

    public float* Line(int i) => lines[i];
}

/// <summary>Columns wherever they are.</summary>
internal readonly unsafe struct ColumnList(float** lines) : ILeftFactor
{
    public static bool HasColumns => true;

    public float* Line(int i) => lines[i];
}
