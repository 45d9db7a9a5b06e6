// A device of the ILGPU build for the length of the process: what backends open is lent to them, with the kernels that others had compiled.
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;

namespace FlGpu.Kernels;

/// <summary>
/// An ILGPU accelerator and the kernels that it has compiled and loaded, by ILGPU and by the driver. It has a context of its own, since one failed
/// compilation spoils a context. It is lent to one backend at a time, which may use it on one thread at a time: of a second backend that is opened
/// meanwhile, the device is opened and its kernels are compiled once more.
/// </summary>
internal sealed partial class LentDevice
{
    // What nobody has borrowed, by kind. This is all that outlives a backend, beside the kernels themselves: MadeKernels.
    private static readonly ConcurrentDictionary<string, ConcurrentBag<LentDevice>> s_idle = new();

    private readonly string _kind;
    private readonly Context _context;
    private readonly Dictionary<MethodInfo, Delegate> _launchers = [];
    private bool _spoiled;

    private LentDevice(string kind, (Context Context, Accelerator Accelerator) opened) => (_kind, _context, Accelerator) = (kind, opened.Context, opened.Accelerator);

    public Accelerator Accelerator { get; }

    /// <summary>How many kernels it has compiled, for whomever.</summary>
    public int Compiled { get; private set; }

    /// <summary>A device of a kind that nobody has borrowed, or one that <paramref name="open"/> opens.</summary>
    public static LentDevice Borrow(string kind, Func<(Context Context, Accelerator Accelerator)> open) =>
        s_idle.TryGetValue(kind, out ConcurrentBag<LentDevice>? idle) && idle.TryTake(out LentDevice? device) ? device : new(kind, open());

    /// <summary>Gives the device back when it has finished; one that a kernel has failed to compile or to run on is closed.</summary>
    public void GiveBack()
    {
        try
        {
            Accelerator.Synchronize();
        }
        catch (AcceleratorException)
        {
            // The fault has been reported where it was waited for, and stays: of such a device nobody can make use any more.
            _spoiled = true;
        }

        if (!_spoiled)
        {
            s_idle.GetOrAdd(_kind, _ => []).Add(this);
            return;
        }

        Accelerator.Dispose();
        _context.Dispose();
    }

    /// <summary>What launches a kernel, which is compiled the first time.</summary>
    public TLauncher Launcher<TLauncher>(MethodInfo kernel) where TLauncher : Delegate
    {
        if (!_launchers.TryGetValue(kernel, out Delegate? launcher))
        {
            bool compiled = false;
            try
            {
                _launchers[kernel] = launcher = Accelerator.LoadKernel(Compile(kernel)).CreateLauncherDelegate<TLauncher>();
                compiled = true;
            }
            finally
            {
                _spoiled |= !compiled;
            }
        }

        return (TLauncher)launcher;
    }

    /// <summary>Takes back what O2 declares of conditional branches; a plain branch is right whether a warp agrees or not.</summary>
    public static void LetBranchesDiverge(PTXCompiledKernel kernel)
    {
        ref string ptx = ref PtxOf(kernel);
        ptx = UniformBranch().Replace(ptx, "$1");
    }

    /// <summary>What <see cref="ResidentThreadsAttribute"/> says of a kernel, for the driver's compiler.</summary>
    public static KernelSpecialization Limits(MethodInfo kernel) => new(kernel.GetCustomAttribute<ResidentThreadsAttribute>()?.Count, null);

    private CompiledKernel Compile(MethodInfo kernel)
    {
        Compiled++;
        CompiledKernel compiled = Accelerator.CompileKernel(
            EntryPointDescription.FromExplicitlyGroupedKernel(kernel), Accelerator is CPUAccelerator ? KernelSpecialization.Empty : Limits(kernel));
        if (compiled is PTXCompiledKernel ptx)
        {
            LetBranchesDiverge(ptx);
        }

        return compiled;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<PTXAssembly>k__BackingField")]
    private static extern ref string PtxOf(PTXCompiledKernel kernel);

    // A branch under a predicate, or one through a table.
    [GeneratedRegex(@"(@!?%p\d+\s+bra|brx\.idx)\.uni")]
    private static partial Regex UniformBranch();
}
