// Time as a device measures it itself: without launching, without waiting for the host.
namespace FlGpu.Kernels;

/// <summary>Two markers in a device's queue. Both are passed in the order of what runs around them.</summary>
public interface IDeviceTimer
{
    /// <summary>Puts the first marker into the queue.</summary>
    void Start();

    /// <summary>Puts the second marker into the queue.</summary>
    void Stop();

    /// <summary>Milliseconds between the two, once both have been passed; waits for that.</summary>
    double ReadMs();
}
