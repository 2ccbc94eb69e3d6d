"""Verb `export`: a trained checkpoint (.safetensors) to a runtime file (.onnx), and its tuning."""

from pathlib import Path

from mobile_vla_ros.cli import one_line_errors, Parser

EXAMPLE = 'example: python -m mobile_vla_ros export out/mine/best.safetensors best.onnx --tune'


@one_line_errors
def main(argv=None) -> int:
    """Export and compare every output with torch; measure what runs it fastest."""
    p = Parser(prog='python -m mobile_vla_ros export', description=__doc__, epilog=EXAMPLE)
    p.add_argument('checkpoint', type=Path, help='.safetensors, or an .onnx to --tune')
    p.add_argument('out', type=Path, nargs='?', help='.onnx')
    p.add_argument('--tune', action='store_true',
                   help='measure which backend is fastest here, and with how many threads')
    args = p.parse_args(argv)
    runtime = args.out or args.checkpoint
    if not args.out and not (args.tune and runtime.suffix == '.onnx'):
        raise ValueError(f'{runtime}: name the .onnx file to write; --tune alone takes one that '
                         'is there')
    if args.out:
        from mobile_vla_ros.training.export import export
        print(f'{args.out}: agrees with torch within {export(args.checkpoint, args.out):.1e}')
    if args.tune:
        from mobile_vla_ros.evaluate.tuning import tune
        rows = tune(runtime)
        for row in rows:
            print(f'  {row["backend"]:<12}{row["threads"]} threads  {row["ms"]:6.2f} ms, p99 '
                  f'{row["ms_p99"]:.2f} ms')
        print(f'fastest here: backend:={rows[0]["backend"]} threads:={rows[0]["threads"]}, '
              'parameters of the drive node')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
