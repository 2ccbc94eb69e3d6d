"""Verb `export`: a trained checkpoint (.safetensors) to a runtime file (.onnx)."""

from pathlib import Path

from mobile_vla_ros.cli import one_line_errors, Parser

EXAMPLE = 'example: python -m mobile_vla_ros export out/train/best.safetensors out/best.onnx'


@one_line_errors
def main(argv=None) -> int:
    """Export and compare every output with torch."""
    p = Parser(prog='python -m mobile_vla_ros export', description=__doc__, epilog=EXAMPLE)
    p.add_argument('checkpoint', type=Path)
    p.add_argument('out', type=Path)
    args = p.parse_args(argv)
    from mobile_vla_ros.training.export import export
    print(f'{args.out}: agrees with torch within {export(args.checkpoint, args.out):.1e}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
