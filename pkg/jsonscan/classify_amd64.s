#include "textflag.h"

// REPEAT fills X with the byte that the constant repeats.
#define REPEAT(constant, X) \
	MOVQ $constant, BX \
	MOVQ BX, X         \
	PUNPCKLQDQ X, X

// PART classifies 16 bytes: a bit of CX, DX and BX for each. A bracket is what is
// above 'z' with 0x20 set; bytes from 0x80 count as negative.
#define PART(offset) \
	MOVOU offset(AX), X0 \
	MOVO X0, X1          \
	MOVO X0, X2          \
	PCMPEQB X8, X0       \
	PMOVMSKB X0, CX      \
	PCMPEQB X9, X1       \
	PMOVMSKB X1, DX      \
	POR X10, X2          \
	PCMPGTB X11, X2      \
	PMOVMSKB X2, BX

// NEXT appends a part's bits to those of the parts before it.
#define NEXT(shift) \
	SHLQ $shift, CX \
	SHLQ $shift, DX \
	SHLQ $shift, BX \
	ORQ CX, R8      \
	ORQ DX, R9      \
	ORQ BX, R10

// func classify(p *[64]byte) (quotes, slashes, hits uint64)
TEXT ·classify(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), AX
	REPEAT(0x2222222222222222, X8)  // "
	REPEAT(0x5c5c5c5c5c5c5c5c, X9)  // \
	REPEAT(0x2020202020202020, X10)
	REPEAT(0x7a7a7a7a7a7a7a7a, X11) // z
	PART(0)
	MOVQ CX, R8
	MOVQ DX, R9
	MOVQ BX, R10
	PART(16)
	NEXT(16)
	PART(32)
	NEXT(32)
	PART(48)
	NEXT(48)
	MOVQ R8, quotes+8(FP)
	MOVQ R9, slashes+16(FP)
	MOVQ R10, hits+24(FP)
	RET
