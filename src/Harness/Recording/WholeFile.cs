// A file that is replaced as a whole: after a kill, or on a full disk, it is the old one or the new one.
namespace FlGpu.Harness.Recording;

internal static class WholeFile
{
    /// <summary>Has a draft written beside <paramref name="path"/> and gives it that name; nothing is left of a draft that could not be written.</summary>
    public static void Write(string path, Action<string> writeTo)
    {
        string draft = $"{path}.draft";
        try
        {
            writeTo(draft);
            File.Move(draft, path, overwrite: true);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }
    }
}
