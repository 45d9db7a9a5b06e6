// Ctrl-C and SIGTERM: the first asks for a clean end, the second ends the process at once.
using System.Runtime.InteropServices;

namespace FlGpu.Harness.Sweeping;

/// <summary>Listens for as long as it lives.</summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>The exit code of a command that was interrupted, as shells have it: 128 and the number of SIGINT.</summary>
    public const int ExitCode = 130;

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Interruption(Screen screen)
    {
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];

        // Called on a thread of the runtime.
        void Handle(PosixSignalContext context)
        {
            lock (_source)
            {
                if (!_source.IsCancellationRequested)
                {
                    context.Cancel = true;
                    screen.Tell("Ending after the round in flight; once more ends at once.");
                    _source.Cancel();
                }
            }
        }
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }
}
