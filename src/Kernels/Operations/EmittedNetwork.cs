// A sorting network as machine code: sixteen columns in registers, no loop and no index.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>
/// Code emitted at run time for one network. Each wire is a register of sixteen keys; a wire is loaded, and turned into keys, when the
/// network first touches it; when registers run out the one that is needed last is put aside (Belady 1966).
/// </summary>
internal sealed unsafe class EmittedNetwork
{
    /// <summary>Beyond this many wires the code outgrows the instruction cache and other ways are faster.</summary>
    public const int MostWires = 220;

    private const int Registers = 29;

    // The compiler gives up optimising methods much longer than this.
    private const int StepsPerMethod = 260;
    private const int LaneBytes = 64;

    // Far enough ahead to arrive in time, near enough not to be pushed out again.
    private const int PrefetchBytes = 192;

    private static readonly MethodInfo s_load = typeof(Avx512F).GetMethod(nameof(Avx512F.LoadVector512), [typeof(int*)])!;
    private static readonly MethodInfo s_store = typeof(Avx512F).GetMethod(nameof(Avx512F.Store), [typeof(int*), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_min = typeof(Avx512F).GetMethod(nameof(Avx512F.Min), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_max = typeof(Avx512F).GetMethod(nameof(Avx512F.Max), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_key = typeof(OrderedKey).GetMethod(nameof(OrderedKey.OfBits), BindingFlags.Static | BindingFlags.Public)!;
    private static readonly MethodInfo s_prefetch = typeof(Sse).GetMethod(nameof(Sse.Prefetch0), [typeof(void*)])!;

    private readonly Run[] _methods;

    private EmittedNetwork(Run[] methods) => _methods = methods;

    private delegate void Run(int* column, nint rowBytes, int* scratch);

    /// <summary>Whether this process may emit code and this CPU has the registers for it.</summary>
    public static bool IsSupported => RuntimeFeature.IsDynamicCodeCompiled && Avx512F.IsSupported;

    /// <summary>
    /// Sorts the sixteen columns at <paramref name="column"/>, rows being <paramref name="rowBytes"/> apart, as far as the network does. Afterwards
    /// the keys of wire w, if it is kept, are at <paramref name="scratch"/> + 16 w.
    /// </summary>
    public void Sort(float* column, nint rowBytes, int* scratch)
    {
        foreach (Run method in _methods)
        {
            method((int*)column, rowBytes, scratch);
        }
    }

    /// <summary>Emits the code of a network; takes a few milliseconds.</summary>
    public static EmittedNetwork Create(SortingNetwork network, int wires) => new Emitter(network, wires).Emit();

    private sealed class Emitter
    {
        private readonly SortingNetwork _network;
        private readonly List<int>[] _uses;
        private readonly bool[] _kept;
        private readonly bool[] _loaded;
        private readonly Dictionary<int, int> _registerOf = [];
        private readonly Stack<int> _free = new();
        private readonly HashSet<int> _changed = [];
        private readonly List<DynamicMethod> _methods = [];
        private ILGenerator _il = null!;
        private LocalBuilder[] _registers = [];
        private LocalBuilder _spare = null!;

        public Emitter(SortingNetwork network, int wires)
        {
            _network = network;
            (_uses, _kept, _loaded) = ([.. Enumerable.Range(0, wires).Select(_ => new List<int>())], new bool[wires], new bool[wires]);
            for (int step = 0; step < network.Steps.Count; step++)
            {
                _uses[network.Steps[step].Low].Add(step);
                _uses[network.Steps[step].High].Add(step);
            }

            foreach (int wire in network.Kept)
            {
                _kept[wire] = true;
            }
        }

        public EmittedNetwork Emit()
        {
            Begin();
            for (int step = 0; step < _network.Steps.Count; step++)
            {
                if (step > 0 && step % StepsPerMethod == 0)
                {
                    PutAsideAll(step);
                    _il.Emit(OpCodes.Ret);
                    Begin();
                }

                Exchange(_network.Steps[step], step);
            }

            // Kept wires that no step touched are loaded only to be stored as keys.
            foreach (int wire in _network.Kept)
            {
                InRegister(wire, _network.Steps.Count, wire);
            }

            PutAsideAll(_network.Steps.Count);
            _il.Emit(OpCodes.Ret);
            Run[] compiled = [.. _methods.Select(method => method.CreateDelegate<Run>())];
            foreach (Run method in compiled)
            {
                RuntimeHelpers.PrepareDelegate(method);
            }

            return new(compiled);
        }

        private void Begin()
        {
            var method = new DynamicMethod("network", typeof(void), [typeof(int*), typeof(nint), typeof(int*)], typeof(EmittedNetwork).Module, skipVisibility: true) { InitLocals = false };
            _methods.Add(method);
            _il = method.GetILGenerator(1 << 16);
            _registers = [.. Enumerable.Range(0, Registers).Select(_ => _il.DeclareLocal(typeof(Vector512<int>)))];
            _spare = _il.DeclareLocal(typeof(Vector512<int>));
            _free.Clear();
            for (int register = Registers - 1; register >= 0; register--)
            {
                _free.Push(register);
            }
        }

        private void Exchange(CompareExchange step, int index)
        {
            LocalBuilder low = _registers[InRegister(step.Low, index, step.High)];
            LocalBuilder high = _registers[InRegister(step.High, index, step.Low)];
            if (step.NeedsLow)
            {
                Combine(low, high, s_min, step.NeedsHigh ? _spare : low);
            }

            if (step.NeedsHigh)
            {
                Combine(low, high, s_max, high);
            }

            if (step.NeedsLow && step.NeedsHigh)
            {
                _il.Emit(OpCodes.Ldloc, _spare);
                _il.Emit(OpCodes.Stloc, low);
            }

            Finish(step.Low, step.NeedsLow, index);
            Finish(step.High, step.NeedsHigh, index);
        }

        private void Combine(LocalBuilder a, LocalBuilder b, MethodInfo operation, LocalBuilder target)
        {
            _il.Emit(OpCodes.Ldloc, a);
            _il.Emit(OpCodes.Ldloc, b);
            _il.Emit(OpCodes.Call, operation);
            _il.Emit(OpCodes.Stloc, target);
        }

        private void Finish(int wire, bool needed, int step)
        {
            _changed.Add(wire);
            if (!needed || NextUse(wire, step + 1) == int.MaxValue)
            {
                _free.Push(_registerOf[wire]);
                _registerOf.Remove(wire);
                _changed.Remove(wire);
            }
        }

        /// <summary>Loads a wire unless it is in a register already; <paramref name="partner"/> stays where it is.</summary>
        private int InRegister(int wire, int step, int partner)
        {
            if (_registerOf.TryGetValue(wire, out int register))
            {
                return register;
            }

            register = _free.Count > 0 ? _free.Pop() : PutAsideOne(step, partner);
            _registerOf[wire] = register;
            if (_loaded[wire])
            {
                ScratchAddress(wire);
                _il.Emit(OpCodes.Call, s_load);
            }
            else
            {
                _loaded[wire] = true;
                _changed.Add(wire);
                RowAddress(wire);
                _il.Emit(OpCodes.Call, s_load);
                _il.Emit(OpCodes.Call, s_key);
                RowAddress(wire);
                _il.Emit(OpCodes.Ldc_I4, PrefetchBytes);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Call, s_prefetch);
            }

            _il.Emit(OpCodes.Stloc, _registers[register]);
            return register;
        }

        private int PutAsideOne(int step, int partner)
        {
            int victim = _registerOf.Keys.Where(wire => wire != partner).MaxBy(wire => NextUse(wire, step));
            return PutAside(victim, step);
        }

        private int PutAside(int wire, int step)
        {
            int register = _registerOf[wire];
            if (_changed.Remove(wire) && NextUse(wire, step) < int.MaxValue)
            {
                ScratchAddress(wire);
                _il.Emit(OpCodes.Ldloc, _registers[register]);
                _il.Emit(OpCodes.Call, s_store);
            }

            _registerOf.Remove(wire);
            return register;
        }

        private void PutAsideAll(int step)
        {
            foreach (int wire in _registerOf.Keys.ToArray())
            {
                PutAside(wire, step);
            }
        }

        /// <summary>The next step that needs a wire; the number of steps when only the result does; int.MaxValue when nothing does.</summary>
        private int NextUse(int wire, int step)
        {
            int next = _uses[wire].BinarySearch(step);
            next = next < 0 ? ~next : next;
            return next < _uses[wire].Count ? _uses[wire][next] : _kept[wire] ? _network.Steps.Count : int.MaxValue;
        }

        private void RowAddress(int wire)
        {
            _il.Emit(OpCodes.Ldarg_0);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, wire);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Mul);
            _il.Emit(OpCodes.Add);
        }

        private void ScratchAddress(int wire)
        {
            _il.Emit(OpCodes.Ldarg_2);
            _il.Emit(OpCodes.Ldc_I4, wire * LaneBytes);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
        }
    }
}
