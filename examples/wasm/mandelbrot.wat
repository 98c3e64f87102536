;; The Mandelbrot set, one byte for each point. Built with `wat2wasm mandelbrot.wat -o mandelbrot.wasm`.
(module
  ;; 8 pages (512 KiB): room for 640 x 480 points.
  (memory (export "memory") 8 8)

  ;; How many steps the point stays within radius 2, at most $max.
  (func $escape (param $cx f64) (param $cy f64) (param $max i32) (result i32)
    (local $x f64) (local $y f64) (local $xx f64) (local $yy f64) (local $n i32)
    (loop $step
      (if (i32.ge_s (local.get $n) (local.get $max)) (then (return (local.get $max))))
      (local.set $xx (f64.mul (local.get $x) (local.get $x)))
      (local.set $yy (f64.mul (local.get $y) (local.get $y)))
      (if (f64.gt (f64.add (local.get $xx) (local.get $yy)) (f64.const 4)) (then (return (local.get $n))))
      (local.set $y
        (f64.add (f64.mul (f64.mul (f64.const 2) (local.get $x)) (local.get $y)) (local.get $cy)))
      (local.set $x (f64.add (f64.sub (local.get $xx) (local.get $yy)) (local.get $cx)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $step))
    (unreachable))

  ;; Writes width * height bytes at address 0, rows from the top. $left and $top are the first point's place, $dx and
  ;; $dy the distance between points.
  (func (export "render")
    (param $width i32) (param $height i32)
    (param $left f64) (param $top f64) (param $dx f64) (param $dy f64) (param $max i32)
    (local $column i32) (local $row i32) (local $at i32)
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (i32.store8 (local.get $at)
          (call $escape
            (f64.add (local.get $left) (f64.mul (f64.convert_i32_s (local.get $column)) (local.get $dx)))
            (f64.sub (local.get $top) (f64.mul (f64.convert_i32_s (local.get $row)) (local.get $dy)))
            (local.get $max)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br_if $columns (i32.lt_s (local.get $column) (local.get $width))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $rows (i32.lt_s (local.get $row) (local.get $height))))))
