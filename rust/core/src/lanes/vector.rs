//! The vector operations of both float types under one name, whatever the processor's width.

use bytemuck::Pod;
use pulp::Simd;

/// A float that comes in vectors.
pub trait Vector: Pod + Send + Sync {
    type V<S: Simd>: Pod;
    type Mask<S: Simd>: Copy;

    /// The whole vectors of a slice, and what is left.
    fn split<S: Simd>(x: &[Self]) -> (&[Self::V<S>], &[Self]);
    fn split_mut<S: Simd>(x: &mut [Self]) -> (&mut [Self::V<S>], &mut [Self]);
    fn splat<S: Simd>(s: S, x: Self) -> Self::V<S>;
    fn vadd<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    fn vmul<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    fn vsub<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    fn vmin<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    fn vmax<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
    /// Where x <= y; false where one of them is not a number.
    fn at_most<S: Simd>(s: S, x: Self::V<S>, y: Self::V<S>) -> Self::Mask<S>;
    fn and<S: Simd>(s: S, x: Self::Mask<S>, y: Self::Mask<S>) -> Self::Mask<S>;
    fn select<S: Simd>(s: S, mask: Self::Mask<S>, x: Self::V<S>, y: Self::V<S>) -> Self::V<S>;
}

macro_rules! vector {
    ($float:ty, $v:ident, $mask:ident, $split:ident, $split_mut:ident, $splat:ident, $add:ident, $mul:ident, $sub:ident,
     $min:ident, $max:ident, $at_most:ident, $and:ident, $select:ident) => {
        impl Vector for $float {
            type V<S: Simd> = S::$v;
            type Mask<S: Simd> = S::$mask;

            #[inline(always)]
            fn split<S: Simd>(x: &[Self]) -> (&[S::$v], &[Self]) {
                S::$split(x)
            }
            #[inline(always)]
            fn split_mut<S: Simd>(x: &mut [Self]) -> (&mut [S::$v], &mut [Self]) {
                S::$split_mut(x)
            }
            #[inline(always)]
            fn splat<S: Simd>(s: S, x: Self) -> S::$v {
                s.$splat(x)
            }
            #[inline(always)]
            fn vadd<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$v {
                s.$add(x, y)
            }
            #[inline(always)]
            fn vmul<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$v {
                s.$mul(x, y)
            }
            #[inline(always)]
            fn vsub<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$v {
                s.$sub(x, y)
            }
            #[inline(always)]
            fn vmin<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$v {
                s.$min(x, y)
            }
            #[inline(always)]
            fn vmax<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$v {
                s.$max(x, y)
            }
            #[inline(always)]
            fn at_most<S: Simd>(s: S, x: S::$v, y: S::$v) -> S::$mask {
                s.$at_most(x, y)
            }
            #[inline(always)]
            fn and<S: Simd>(s: S, x: S::$mask, y: S::$mask) -> S::$mask {
                s.$and(x, y)
            }
            #[inline(always)]
            fn select<S: Simd>(s: S, mask: S::$mask, x: S::$v, y: S::$v) -> S::$v {
                s.$select(mask, x, y)
            }
        }
    };
}

vector!(
    f64,
    f64s,
    m64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    mul_f64s,
    sub_f64s,
    min_f64s,
    max_f64s,
    less_than_or_equal_f64s,
    and_m64s,
    select_f64s
);
vector!(
    f32,
    f32s,
    m32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    mul_f32s,
    sub_f32s,
    min_f32s,
    max_f32s,
    less_than_or_equal_f32s,
    and_m32s,
    select_f32s
);
