// The one exception for what a user asked and cannot have.
namespace FlGpu.Kernels;

/// <summary>
/// Input that cannot be used. The message is one line for people: which option or file, which value, what is allowed. The
/// program prints it to standard error and ends with exit code 2.
/// </summary>
public sealed class InputException(string message) : Exception(message);
