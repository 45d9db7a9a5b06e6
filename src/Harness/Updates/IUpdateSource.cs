// The updates of one round in files: n rows of d numbers, read once from the first to the last.
namespace FlGpu.Harness.Updates;

/// <summary>Opened and checked input. What is read is single precision, whatever the files hold.</summary>
internal interface IUpdateSource : IDisposable
{
    /// <summary>Rows, n.</summary>
    int Clients { get; }

    /// <summary>Numbers a row, d.</summary>
    int Parameters { get; }

    /// <summary>What the files are, for people: npy, float32.</summary>
    string Format { get; }

    /// <summary>What each row is called: its file's name where each client has one; null where rows have numbers only.</summary>
    IReadOnlyList<string>? ClientNames => null;

    /// <summary>How many rows cost no more than one to read; more than one where the file is stored column after column.</summary>
    int RowsAtOnce => 1;

    /// <summary>Fills <paramref name="rows"/>, a multiple of d long, with the next rows.</summary>
    /// <exception cref="Kernels.InputException">A file changed, is damaged or holds something that is no number.</exception>
    void ReadRows(Span<float> rows);
}
