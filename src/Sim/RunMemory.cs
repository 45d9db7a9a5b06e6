// What a rule remembers from round to round, shared by its instances of one run.
namespace FlGpu.Sim;

/// <summary>
/// There is an instance of a rule for each number of updates and of malicious clients that it is told; whichever of them aggregates a
/// round, it goes on from the same memory. A memory is made when the first instance asks for it and freed with the last one.
/// </summary>
public sealed class RunMemory
{
    private readonly Dictionary<Type, (object Value, int Holders)> _shared = [];

    /// <summary>Whether anything is remembered.</summary>
    public bool IsUsed => _shared.Count > 0;

    /// <summary>The run's memory of this type.</summary>
    internal Remembered<T> Of<T>(Func<T> make) where T : class
    {
        (object value, int holders) = _shared.TryGetValue(typeof(T), out (object, int) known) ? known : (make(), 0);
        _shared[typeof(T)] = (value, holders + 1);
        return new((T)value, () => Release(typeof(T)));
    }

    private void Release(Type type)
    {
        (object value, int holders) = _shared[type];
        if (holders > 1)
        {
            _shared[type] = (value, holders - 1);
            return;
        }

        _shared.Remove(type);
        (value as IDisposable)?.Dispose();
    }
}

/// <summary>One instance's hold on a memory.</summary>
internal sealed class Remembered<T>(T value, Action release) : IDisposable where T : class
{
    public T Value { get; } = value;

    public void Dispose() => release();
}
