"""Verb `export`: make a runtime file (.onnx) of a checkpoint (.safetensors), and tune it."""

from pathlib import Path
import tempfile

from mobile_vla_ros.cli import add_topics, one_line_errors, Parser, topics_of
from mobile_vla_ros.environment import packages

EXAMPLE = 'example: python -m mobile_vla_ros export out/mine/best.safetensors best.onnx --tune'


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """Export, comparing every output with torch; measure what runs it fastest."""
    p = Parser(prog='python -m mobile_vla_ros export', description=__doc__, epilog=EXAMPLE)
    p.add_argument('checkpoint', type=Path,
                   help='.safetensors; or an .onnx file for --tune or --int8')
    p.add_argument('out', type=Path, nargs='?', help='the .onnx file to write')
    p.add_argument('--int8', type=Path, nargs='+', metavar='BAG', help='write it in eight bits, '
                   'which is faster on most CPUs; these bags, or folders of bags, calibrate it')
    p.add_argument('--tune', action='store_true',
                   help='measure which backend is fastest here, and with how many threads')
    add_topics(p, 'image', 'instruction')
    args = p.parse_args(argv)
    runtime = args.out or args.checkpoint
    if not args.out and (args.int8 or not (args.tune and runtime.suffix == '.onnx')):
        raise ValueError(f'{runtime}: name the .onnx file to write; --tune alone takes an .onnx '
                         'file that exists')
    if args.out and not args.int8 and args.checkpoint.suffix == '.onnx':
        raise ValueError(f'{args.checkpoint} is a runtime file already; give the .safetensors '
                         'checkpoint, or --int8 to make it smaller')
    if args.out and args.checkpoint.suffix != '.onnx':
        packages.require(*packages.TRAIN)
    if args.int8:
        packages.require('onnx', *packages.READ)
        quantize(args.checkpoint, args.out, args.int8, topics_of(args))
    elif args.out:
        from mobile_vla_ros.training.export import export
        print(f'{args.out}: agrees with torch within {export(args.checkpoint, args.out):.1e}')
    if args.tune:
        from mobile_vla_ros.inference.tuning import tune
        rows = tune(runtime)
        for row in rows:
            print(f'  {row["backend"]:<12}{row["threads"]} threads  {row["ms"]:6.2f} ms, p99 '
                  f'{row["ms_p99"]:.2f} ms')
        print(f'fastest here: backend:={rows[0]["backend"]} threads:={rows[0]["threads"]}, '
              'parameters of the drive node')
    return 0


def quantize(checkpoint: Path, out: Path, paths: list[Path], topics: dict[str, str]) -> None:
    """Write a checkpoint or a runtime file in eight bits; print how far it is from float."""
    from mobile_vla_ros.data.bag_paths import bags_in
    from mobile_vla_ros.training import quantize as eight_bits
    from mobile_vla_ros.training.export import export, prepare
    prepare(out)  # before minutes of work
    with tempfile.TemporaryDirectory() as folder:
        exact = checkpoint
        if checkpoint.suffix != '.onnx':
            exact = Path(folder, 'exact.onnx')
            export(checkpoint, exact)
        calls = eight_bits.record_calls(
            exact, [bag for path in paths for bag in bags_in(path)], **topics)
        eight_bits.quantize(exact, out, [inputs for inputs, _ in calls])
        apart = eight_bits.differences(out, calls)
        mean, most = (', '.join(f'{value:.4f}' for value in values)
                      for values in (apart.mean(0), apart.max(0)))
        print(f'{out}: {exact.stat().st_size / out.stat().st_size:.1f} times smaller; on '
              f'{len(calls)} pictures its commands are ({mean}) m/s, m/s, rad/s from those '
              f'of float, ({most}) at most\nhold it to `replay` or `benchmark` before it drives')


if __name__ == '__main__':
    raise SystemExit(main())
