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
    public const int MostWires = 420;

    private const int Registers = 29;

    // The compiler gives up optimising methods much longer than this.
    private const int StepsPerMethod = 800;
    private const int LaneBytes = 64;

    /// <summary>
    /// Columns are worked off in panels of this many vectors. While one is sorted the next is fetched row by row, in runs that the
    /// hardware follows: single lines of many rows keep too few misses in flight.
    /// </summary>
    public const int PanelVectors = 16;

    private static readonly MethodInfo s_load = typeof(Avx512F).GetMethod(nameof(Avx512F.LoadVector512), [typeof(int*)])!;
    private static readonly MethodInfo s_store = typeof(Avx512F).GetMethod(nameof(Avx512F.Store), [typeof(int*), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_min = typeof(Avx512F).GetMethod(nameof(Avx512F.Min), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_max = typeof(Avx512F).GetMethod(nameof(Avx512F.Max), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_broadcast = typeof(Vector512).GetMethod(nameof(Vector512.Create), [typeof(int)])!;
    private static readonly MethodInfo s_key = typeof(OrderedKey).GetMethod(nameof(OrderedKey.TurnNegative), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_zero = typeof(Vector512<double>).GetProperty(nameof(Vector512<double>.Zero))!.GetMethod!;
    private static readonly MethodInfo s_zeroKeys = typeof(Vector512<int>).GetProperty(nameof(Vector512<int>.Zero))!.GetMethod!;
    private static readonly MethodInfo s_middle = OwnMethod(nameof(Middle));
    private static readonly MethodInfo s_middleOfKeys = OwnMethod(nameof(MiddleOfKeys));
    private static readonly MethodInfo s_storeValue = OwnMethod(nameof(StoreValue));
    private static readonly MethodInfo s_storeMiddleExactly = OwnMethod(nameof(StoreMiddleExactly));
    private static readonly MethodInfo s_addLower = OwnMethod(nameof(AddLower));
    private static readonly MethodInfo s_addUpper = OwnMethod(nameof(AddUpper));
    private static readonly MethodInfo s_storeScaled = OwnMethod(nameof(StoreScaled));
    private static readonly MethodInfo s_prefetch = typeof(Sse).GetMethod(nameof(Sse.Prefetch1), [typeof(void*)])!;

    private readonly Run[] _methods;
    private readonly int _wires;

    private EmittedNetwork(Run[] methods, int wires) => (_methods, _wires) = (methods, wires);

    private delegate void Run(int* column, nint rowBytes, int* scratch, byte* next, float* mean);

    /// <summary>Whether this process may emit code and this CPU has the registers for it.</summary>
    public static bool IsSupported => RuntimeFeature.IsDynamicCodeCompiled && Avx512F.IsSupported;

    /// <summary>
    /// Sorts sixteen columns as far as the network does and writes the means of the kept wires.
    /// </summary>
    /// <param name="column">The first of the sixteen columns.</param>
    /// <param name="rowBytes">From a row to the next.</param>
    /// <param name="scratch">Memory for a vector of each wire.</param>
    /// <param name="vector">Which vector of its panel this is: it fetches its share of the next panel.</param>
    /// <param name="mean">Where the sixteen means go.</param>
    public void MeanOfKept(float* column, nint rowBytes, int* scratch, int vector, float* mean)
    {
        byte* nextPanel = (byte*)(column + ((PanelVectors - vector) * 16));
        nint row = Math.Min(vector * RowsFetched(_wires), _wires - RowsFetched(_wires));
        foreach (Run method in _methods)
        {
            method((int*)column, rowBytes, scratch, nextPanel + (row * rowBytes), mean);
        }
    }

    private static MethodInfo OwnMethod(string name) => typeof(EmittedNetwork).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Middle(Vector512<float> a, Vector512<float> b) =>
        Vector512.FusedMultiplyAdd(a, Vector512.Create(0.5f), b * 0.5f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> MiddleOfKeys(Vector512<int> a, Vector512<int> b) => Middle(OrderedKey.ToFloat(a), OrderedKey.ToFloat(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreValue(Vector512<int> keys, Vector512<int> nothing, float* target) => OrderedKey.ToFloat(keys).Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreMiddleExactly(Vector512<int> a, Vector512<int> b, float* target)
    {
        (Vector512<float> x, Vector512<float> y) = (OrderedKey.ToFloat(a), OrderedKey.ToFloat(b));
        StoreScaled(Vector512.WidenLower(x) + Vector512.WidenLower(y), Vector512.WidenUpper(x) + Vector512.WidenUpper(y), 0.5, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> AddLower(Vector512<double> sum, Vector512<float> values) => sum + Vector512.WidenLower(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> AddUpper(Vector512<double> sum, Vector512<float> values) => sum + Vector512.WidenUpper(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScaled(Vector512<double> lower, Vector512<double> upper, double factor, float* target) =>
        Vector512.Narrow(lower * factor, upper * factor).Store(target);

    private static int RowsFetched(int wires) => (wires + PanelVectors - 1) / PanelVectors;

    /// <summary>Emits the code of a network; takes a few milliseconds.</summary>
    public static EmittedNetwork Create(SortingNetwork network, int wires, bool fetchesNext) => new Emitter(network, wires, fetchesNext).Emit();

    private sealed class Emitter
    {
        private readonly SortingNetwork _network;
        private readonly bool _fetchesNext;
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

        // Plus the sign of a row's length, which is nought, as the compiler does not know: it would make two subtractions out of one from a
        // constant. One more argument for it would not fit in registers, and calls by delegate then cost more than is saved.
        private LocalBuilder _turn = null!;

        public Emitter(SortingNetwork network, int wires, bool fetchesNext)
        {
            (_network, _fetchesNext) = (network, fetchesNext);
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

                if (_fetchesNext)
                {
                    Fetch(step);
                }

                Exchange(_network.Steps[step], step);
            }

            StoreMean();
            _il.Emit(OpCodes.Ret);
            Run[] compiled = [.. _methods.Select(method => method.CreateDelegate<Run>())];
            foreach (Run method in compiled)
            {
                RuntimeHelpers.PrepareDelegate(method);
            }

            return new(compiled, _uses.Length);
        }

        // One or two kept ranks are averaged in double precision. Of more, four at a time are averaged by halves in single precision, so that
        // nothing overflows, and only their means are widened: zeros fill up the last four.
        private void StoreMean()
        {
            // What is in registers first: it makes room for the rest.
            var kept = new Queue<int>(_network.Kept.OrderBy(wire => !_registerOf.ContainsKey(wire)));
            int count = kept.Count;
            if (count <= 2)
            {
                PushKeys(kept);
                PushKeys(kept);
                _il.Emit(OpCodes.Ldarg, 4);
                _il.Emit(OpCodes.Call, count == 1 ? s_storeValue : s_storeMiddleExactly);
                return;
            }

            LocalBuilder lower = _il.DeclareLocal(typeof(Vector512<double>)), upper = _il.DeclareLocal(typeof(Vector512<double>));
            LocalBuilder mean = _il.DeclareLocal(typeof(Vector512<float>));
            foreach (LocalBuilder sum in (LocalBuilder[])[lower, upper])
            {
                _il.Emit(OpCodes.Call, s_zero);
                _il.Emit(OpCodes.Stloc, sum);
            }

            while (kept.Count > 0)
            {
                for (int pair = 0; pair < 2; pair++)
                {
                    PushKeys(kept);
                    PushKeys(kept);
                    _il.Emit(OpCodes.Call, s_middleOfKeys);
                }

                _il.Emit(OpCodes.Call, s_middle);
                _il.Emit(OpCodes.Stloc, mean);
                Add(lower, mean, s_addLower);
                Add(upper, mean, s_addUpper);
            }

            _il.Emit(OpCodes.Ldloc, lower);
            _il.Emit(OpCodes.Ldloc, upper);
            _il.Emit(OpCodes.Ldc_R8, 4.0 / count);
            _il.Emit(OpCodes.Ldarg, 4);
            _il.Emit(OpCodes.Call, s_storeScaled);
        }

        /// <summary>The keys of the next kept wire, whose register is free then; those of zero when there is none.</summary>
        private void PushKeys(Queue<int> kept)
        {
            if (!kept.TryDequeue(out int wire))
            {
                _il.Emit(OpCodes.Call, s_zeroKeys);
                return;
            }

            _il.Emit(OpCodes.Ldloc, _registers[InRegister(wire, _network.Steps.Count, wire)]);
            _free.Push(_registerOf[wire]);
            _registerOf.Remove(wire);
        }

        private void Add(LocalBuilder sum, LocalBuilder values, MethodInfo half)
        {
            _il.Emit(OpCodes.Ldloc, sum);
            _il.Emit(OpCodes.Ldloc, values);
            _il.Emit(OpCodes.Call, half);
            _il.Emit(OpCodes.Stloc, sum);
        }

        private void Begin()
        {
            var method = new DynamicMethod("network", typeof(void), [typeof(int*), typeof(nint), typeof(int*), typeof(byte*), typeof(float*)], typeof(EmittedNetwork).Module, skipVisibility: true) { InitLocals = false };
            _methods.Add(method);
            _il = method.GetILGenerator(1 << 16);
            _registers = [.. Enumerable.Range(0, Registers).Select(_ => _il.DeclareLocal(typeof(Vector512<int>)))];
            _spare = _il.DeclareLocal(typeof(Vector512<int>));
            _turn = _il.DeclareLocal(typeof(Vector512<int>));
            _il.Emit(OpCodes.Ldc_I4, OrderedKey.Turn);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, 63);
            _il.Emit(OpCodes.Shr);
            _il.Emit(OpCodes.Conv_I4);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Call, s_broadcast);
            _il.Emit(OpCodes.Stloc, _turn);
            _free.Clear();
            for (int register = Registers - 1; register >= 0; register--)
            {
                _free.Push(register);
            }
        }

        /// <summary>Spreads the lines of the next panel evenly over the steps.</summary>
        private void Fetch(int step)
        {
            long lines = (long)RowsFetched(_uses.Length) * PanelVectors;
            for (long line = lines * step / _network.Steps.Count; line < lines * (step + 1) / _network.Steps.Count; line++)
            {
                _il.Emit(OpCodes.Ldarg_3);
                _il.Emit(OpCodes.Ldarg_1);
                _il.Emit(OpCodes.Ldc_I4, (int)(line / PanelVectors));
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Mul);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Ldc_I4, (int)(line % PanelVectors) * LaneBytes);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Call, s_prefetch);
            }
        }

        private void Exchange(CompareExchange step, int index)
        {
            int lowRegister = InRegister(step.Low, index, step.High);
            LocalBuilder low = _registers[lowRegister];
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
                // The minimum stays where it is; the register that it came from is the next spare one.
                (_registers[lowRegister], _spare) = (_spare, low);
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
                _il.Emit(OpCodes.Ldloc, _turn);
                _il.Emit(OpCodes.Call, s_key);
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
