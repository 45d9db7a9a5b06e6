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
    public const int MostWires = 280;

    private const int Registers = 29;

    // Longer methods are a little faster in the L2 cache, and slower where the updates come from beyond it.
    private const int StepsPerMethod = 280;
    private const int LaneBytes = 64;

    // Columns are worked off in panels of this many vectors. While one is sorted the next is fetched row by row, in runs that the hardware
    // follows: single lines of many rows keep too few misses in flight.
    private const int PanelVectors = 16;

    // Of so many rows, two vectors and what is put aside fit in the L1 cache: the next vector is fetched there from the panel.
    private const int MostRowsFetchedTwice = 128;

    // So few rows the hardware follows by itself once it is told, and the compiler has registers for a loop over the vectors.
    private const int MostRowsInLoop = 20;
    private const int BytesAheadInLoop = PanelVectors * LaneBytes;

    private static readonly MethodInfo s_load = typeof(Avx512F).GetMethod(nameof(Avx512F.LoadVector512), [typeof(int*)])!;
    private static readonly MethodInfo s_store = typeof(Avx512F).GetMethod(nameof(Avx512F.Store), [typeof(int*), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_min = typeof(Avx512F).GetMethod(nameof(Avx512F.Min), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_max = typeof(Avx512F).GetMethod(nameof(Avx512F.Max), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_broadcast = typeof(Vector512).GetMethod(nameof(Vector512.Create), [typeof(int)])!;
    private static readonly MethodInfo s_key = typeof(OrderedKey).GetMethod(nameof(OrderedKey.TurnNegative), [typeof(Vector512<int>), typeof(Vector512<int>)])!;
    private static readonly MethodInfo s_zero = typeof(Vector512<double>).GetProperty(nameof(Vector512<double>.Zero))!.GetMethod!;
    private static readonly MethodInfo[] s_quarterOfSum = [OwnMethod(nameof(QuarterOfOne)), OwnMethod(nameof(QuarterOfTwo)), OwnMethod(nameof(QuarterOfThree)), OwnMethod(nameof(QuarterOfFour))];
    private static readonly MethodInfo s_storeValue = OwnMethod(nameof(StoreValue));
    private static readonly MethodInfo s_storeMiddleExactly = OwnMethod(nameof(StoreMiddleExactly));
    private static readonly MethodInfo s_addLower = OwnMethod(nameof(AddLower));
    private static readonly MethodInfo s_addUpper = OwnMethod(nameof(AddUpper));
    private static readonly MethodInfo s_storeScaled = OwnMethod(nameof(StoreScaled));
    private static readonly MethodInfo s_fetchToL1 = typeof(Sse).GetMethod(nameof(Sse.Prefetch0), [typeof(void*)])!;
    private static readonly MethodInfo s_fetchToL2 = typeof(Sse).GetMethod(nameof(Sse.Prefetch1), [typeof(void*)])!;

    private readonly Run[] _methods;
    private readonly int _wires;
    private readonly bool _loops;

    private EmittedNetwork(Run[] methods, int wires, bool loops) => (_methods, _wires, _loops) = (methods, wires, loops);

    /// <summary>A short network's method goes on to the next vectors by itself; of a long one's, each is told what to fetch.</summary>
    private delegate void Run(int* column, nint rowBytes, int* scratch, nint vectorsOrNext, float* mean);

    /// <summary>Whether this process may emit code and this CPU has the registers for it.</summary>
    public static bool IsSupported => RuntimeFeature.IsDynamicCodeCompiled && Avx512F.IsSupported;

    /// <summary>
    /// Sorts columns, sixteen at a time, as far as the network does and writes the means of the kept wires, or, of a network that sums nothing and
    /// of sixteen columns, one kept wire after the other.
    /// </summary>
    /// <param name="column">The first of the columns.</param>
    /// <param name="rowBytes">From a row to the next.</param>
    /// <param name="scratch">Memory for a vector of each wire.</param>
    /// <param name="vectors">How many times sixteen columns: one at least.</param>
    /// <param name="mean">Where the means go.</param>
    public void MeansOfKept(float* column, nint rowBytes, int* scratch, int vectors, float* mean)
    {
        if (_loops)
        {
            _methods[0]((int*)column, rowBytes, scratch, vectors, mean);
            return;
        }

        int rowsFetched = RowsFetched(_wires);
        for (int v = 0; v < vectors; v++, column += LaneBytes / sizeof(float), mean += LaneBytes / sizeof(float))
        {
            // Each vector fetches its share of the next panel.
            int inPanel = v % PanelVectors;
            nint row = Math.Min(inPanel * rowsFetched, _wires - rowsFetched);
            byte* next = (byte*)column + ((PanelVectors - inPanel) * LaneBytes) + (row * rowBytes);
            foreach (Run method in _methods)
            {
                method((int*)column, rowBytes, scratch, (nint)next, mean);
            }
        }
    }

    private static MethodInfo OwnMethod(string name) => typeof(EmittedNetwork).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> QuarterOfOne(Vector512<int> a) => OrderedKey.ToFloat(a) * 0.25f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> QuarterOfTwo(Vector512<int> a, Vector512<int> b) =>
        Vector512.FusedMultiplyAdd(OrderedKey.ToFloat(b), Vector512.Create(0.25f), QuarterOfOne(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> QuarterOfThree(Vector512<int> a, Vector512<int> b, Vector512<int> c) =>
        Vector512.FusedMultiplyAdd(OrderedKey.ToFloat(c), Vector512.Create(0.25f), QuarterOfTwo(a, b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> QuarterOfFour(Vector512<int> a, Vector512<int> b, Vector512<int> c, Vector512<int> d) =>
        Vector512.FusedMultiplyAdd(OrderedKey.ToFloat(d), Vector512.Create(0.25f), QuarterOfThree(a, b, c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreValue(Vector512<int> keys, float* target) => OrderedKey.ToFloat(keys).Store(target);

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
        private readonly bool _loops;
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
            (_network, _fetchesNext, _loops) = (network, fetchesNext, wires <= MostRowsInLoop);
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
            Label nextVector = _il.DefineLabel();
            _il.MarkLabel(nextVector);
            for (int step = 0; step < _network.Steps.Count; step++)
            {
                if (step > 0 && step % StepsPerMethod == 0)
                {
                    PutAsideAll(step);
                    _il.Emit(OpCodes.Ret);
                    Begin();
                }

                if (_fetchesNext && !_loops)
                {
                    FetchNextPanel(step);
                }

                Exchange(_network.Steps[step], step);
            }

            if (_network.IsSummed)
            {
                StoreMean();
            }
            else
            {
                StoreEach();
            }

            if (_loops)
            {
                Advance(argument: 0, LaneBytes);
                Advance(argument: 4, LaneBytes);
                Advance(argument: 3, -1);
                _il.Emit(OpCodes.Ldarg_3);
                _il.Emit(OpCodes.Ldc_I4_0);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Bgt, nextVector);
            }

            _il.Emit(OpCodes.Ret);
            Run[] compiled = [.. _methods.Select(method => method.CreateDelegate<Run>())];
            foreach (Run method in compiled)
            {
                RuntimeHelpers.PrepareDelegate(method);
            }

            return new(compiled, _uses.Length, _loops);
        }

        private void Advance(short argument, int by)
        {
            _il.Emit(OpCodes.Ldarg, argument);
            _il.Emit(OpCodes.Ldc_I4, by);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Starg, argument);
        }

        private void StoreEach()
        {
            for (int i = 0; i < _network.Kept.Count; i++)
            {
                PushKeys(_network.Kept[i]);
                _il.Emit(OpCodes.Ldarg, 4);
                _il.Emit(OpCodes.Ldc_I4, i * LaneBytes);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Call, s_storeValue);
            }
        }

        // One or two kept ranks are averaged in double precision. Of more, four at a time are averaged in single precision, by quarters so that
        // nothing overflows, and only their means are widened.
        private void StoreMean()
        {
            // What is in registers first: it makes room for the rest.
            var kept = new Queue<int>(_network.Kept.OrderBy(wire => !_registerOf.ContainsKey(wire)));
            int count = kept.Count;
            if (count <= 2)
            {
                PushKeys(kept.Dequeue());
                if (count == 2)
                {
                    PushKeys(kept.Dequeue());
                }

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
                int together = Math.Min(kept.Count, s_quarterOfSum.Length);
                for (int i = 0; i < together; i++)
                {
                    PushKeys(kept.Dequeue());
                }

                _il.Emit(OpCodes.Call, s_quarterOfSum[together - 1]);
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

        /// <summary>The keys of a kept wire, whose register is free then.</summary>
        private void PushKeys(int wire)
        {
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
            var method = new DynamicMethod("network", typeof(void), [typeof(int*), typeof(nint), typeof(int*), typeof(nint), typeof(float*)], typeof(EmittedNetwork).Module, skipVisibility: true) { InitLocals = false };
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
        private void FetchNextPanel(int step)
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
                _il.Emit(OpCodes.Call, s_fetchToL2);
            }
        }

        /// <summary>Fetches what follows the vector of a row, to the end: vectors may begin anywhere in a cache line.</summary>
        private void FetchAhead(int wire)
        {
            if (_fetchesNext && _uses.Length <= MostRowsFetchedTwice)
            {
                RowAddress(wire);
                _il.Emit(OpCodes.Ldc_I4, _loops ? BytesAheadInLoop : (2 * LaneBytes) - 1);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Call, s_fetchToL1);
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
                FetchAhead(wire);
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
