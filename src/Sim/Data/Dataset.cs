// What a data source gives: training and test samples, and the files that they came from.
namespace FlGpu.Sim;

/// <summary>A file that data were read from: its name without the folder, and the SHA-256 of its bytes in lower-case hex.</summary>
public sealed record DataFile(string Name, string Sha256);

/// <summary>
/// Training and test samples of the same inputs and classes. <paramref name="ClientSizes"/> says how many training samples
/// each client has, client after client, when the data come that way; null when a partition has to deal them.
/// <paramref name="Files"/> is empty for data that are made and not read.
/// </summary>
public sealed record Dataset(Samples Train, Samples Test, int[]? ClientSizes, IReadOnlyList<DataFile> Files);
