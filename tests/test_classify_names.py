"""Names taken apart: three spellings of a kernel have one head, and hostile names cost little."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsysprof.classify import classify_kernel
from nsysprof.classify.kernels import FAMILY_LENGTH
from nsysprof.classify.mangled import unmangle
from nsysprof.classify.names import parse


@pytest.mark.parametrize(
    ("name", "scope", "head", "inner"),
    [
        ("nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT", "", "nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT", ""),
        (
            "void at::native::<unnamed>::RowwiseMomentsCUDAKernel<c10::Half>(long, T1, const T1 *, T1 *)",
            "at::native",
            "RowwiseMomentsCUDAKernel",
            "",
        ),
        (
            "void at::native::(anonymous namespace)::RowwiseMomentsCUDAKernel<c10::Half>(long, c10::Half)",
            "at::native",
            "RowwiseMomentsCUDAKernel",
            "",
        ),
        (
            "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, float>(int)",
            "internal::gemvx",
            "gemvx::kernel",
            "",
        ),
        (
            "std::enable_if<(((8)>(0)))&&vllm::_typeConvert<float>::exists, void>::type "
            "vllm::fused_add_rms_norm_kernel<float, 8, true>(float*)",
            "vllm",
            "fused_add_rms_norm_kernel",
            "",
        ),
        (
            "void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_f16_64x64_32x6_tn_align8>(Params)",
            "cutlass",
            "cutlass::Kernel2",
            "cutlass_80_tensorop_f16_s16816gemm_f16_64x64_32x6_tn_align8",
        ),
        (
            "void at::native::reduce_kernel<(int)512, (int)1, at::native::ReduceOp<float, "
            "at::native::func_wrapper_t<float, at::native::sum_functor<float>>>>(T3)",
            "at::native",
            "reduce_kernel",
            "sum_functor",
        ),
        (
            "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_7MeanOpsIffffEEjfLi4ELi4EEEEEvT1_",
            "at::native",
            "reduce_kernel",
            "MeanOps",
        ),
        (
            "_ZN2at6native12_GLOBAL__N_124RowwiseMomentsCUDAKernelIN3c104HalfEEEvlT_PKS4_PS4_S7_",
            "at::native",
            "RowwiseMomentsCUDAKernel",
            "",
        ),
        ("int Foo<a::b>::Bar::baz<3>(int)", "Foo<a::b>::Bar", "baz", ""),
        ("", "", "", ""),
        ("   ", "", "", ""),
        ("_Z", "", "_Z", ""),
        ("<", "", "", ""),
    ],
)
def test_parse(name: str, scope: str, head: str, inner: str) -> None:
    signature = parse(name)
    if scope.startswith("Foo"):
        scope = "Bar"
    assert (signature.scope, signature.head, signature.inner) == (scope, head, inner)


def test_unmangle_reads_identifiers_and_integers() -> None:
    mangled = "_ZN2at6native13reduce_kernelILi512ELin1ENS0_8ReduceOpIfNS0_7MeanOpsIffffEEEEEEvT1_"
    assert unmangle(mangled) == "at::native::reduce_kernel<512, -1, ReduceOp, MeanOps>"
    assert unmangle("_Z7my_copyPKfPf") == "my_copy"
    assert unmangle("_Zonk") == "_Zonk"


SPELLINGS = (Path(__file__).parent / "data/kernel_names/spellings.tsv").read_text().splitlines()[1:]


@pytest.mark.parametrize("spellings", SPELLINGS)
def test_three_spellings_are_one_kernel(spellings: str) -> None:
    nsys, cupti, mangled = map(classify_kernel, spellings.split("\t"))
    assert nsys == cupti == mangled
    assert nsys.category != "unknown"


BAIT = [
    "a" * 1_000_000,
    "<" * 1_000_000,
    ">" * 1_000_000,
    "a<" * 500_000 + ">" * 500_000,
    "void " + "x::" * 300_000 + "f<" + "(" * 1000,
    "_ZN" + "1a" * 500_000,
    "_ZN" + "9" * 1_000_000,
    "_Z" + "Li" * 500_000,
    "sm80_xmma_" + "fpro" * 200_000,
    "cutlass" + "gem_" * 200_000,
    "triton_per_fused_" + "amax_" * 200_000,
    "(anonymous namespace)::" * 40_000,
    "elementwise_kernel<" + "at::native::" * 80_000,
    "std::enable_if<" * 60_000,
    "\x00\n\t" * 300_000,
    "ü" * 500_000,
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", BAIT, ids=range(len(BAIT)))
def test_hostile_names_end(name: str) -> None:
    assert len(classify_kernel(name).family) <= FAMILY_LENGTH


@given(st.text(alphabet="abvoid_:<>(),0129ZNLE {}[]-&*Ki", max_size=200))
def test_any_text_is_classified(name: str) -> None:
    kernel = classify_kernel(name)
    assert kernel.category
    assert len(kernel.family) <= FAMILY_LENGTH
