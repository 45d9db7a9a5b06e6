// `flgpu devices`: which backends this machine has, and why it lacks the others.
using System.CommandLine;
using FlGpu.Kernels;
using Spectre.Console;

namespace FlGpu.Harness.CommandLine;

internal static class DevicesCommand
{
    public static Command Create(Screen screen)
    {
        var command = new Command("devices", "List the backends of this machine, and why a missing one is missing.");
        command.SetAction(_ =>
        {
            Table table = Screen.Table("backend", "device", "available");
            IReadOnlyList<DeviceListing> all = Backends.List();
            foreach (DeviceListing listing in all)
            {
                table.AddRow(Markup.Escape(listing.Name), Markup.Escape(listing.Device ?? "-"), Markup.Escape(listing.Missing is null ? "yes" : $"no: {listing.Missing}"));
            }

            screen.Console.Write(table);
            string auto = all.FirstOrDefault(listing => listing.Open is not null)?.Name ?? "simd";
            screen.Out.WriteLine($"Kernels are built against: {Backends.KernelRuntimeName}. 'auto' is {auto} here; {Environment.ProcessorCount} CPU threads.");
            return 0;
        });
        return command;
    }
}
