//! Units of measure as UCUM writes them: symbols, some with a prefix, put together by a grammar.
//!
//! The meaning of a unit is not read, only whether there is such a unit. The lists contain the
//! symbols of the standard alone. <https://ucum.org/ucum>

use super::code_system::CodeStanding;

/// The prefixes of metric symbols.
const PREFIXES: [&str; 24] = [
    "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "da", "d", "c", "m", "u", "n", "p", "f", "a", "z",
    "y", "Ki", "Mi", "Gi", "Ti",
];

/// The symbols that may have a prefix.
const METRIC: &str = "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t bar u eV pc [c] [h] [k] [eps_0] \
    [mu_0] [e] [m_e] [m_p] [G] [g] [ly] gf Ky Gal dyn erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM cal_[15] cal_[20] \
    cal_m cal_IT cal_th cal tex m[H2O] m[Hg] eq osm g% kat U [iU] [IU] Np B B[SPL] B[V] B[mV] B[uV] B[10.nV] B[W] B[kW] st \
    mho bit By Bd";

/// The symbols that stand alone.
const OTHER: &str = "10* 10^ [pi] % [ppth] [ppm] [ppb] [pptr] gon deg ' '' min h d a_t a_j a_g a wk mo_s mo_j mo_g mo AU atm [lbf_av] \
    [in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i] [bf_i] [cr_i] \
    [mil_i] [cml_i] [hd_i] [ft_us] [yd_us] [in_us] [rd_us] [ch_us] [lk_us] [rch_us] [rlk_us] [fth_us] [fur_us] [mi_us] \
    [acr_us] [srd_us] [smi_us] [sct] [twp] [mil_us] [in_br] [ft_br] [rd_br] [ch_br] [lk_br] [fth_br] [pc_br] [yd_br] \
    [mi_br] [nmi_br] [kn_br] [acr_br] [gal_us] [bbl_us] [qt_us] [pt_us] [gil_us] [foz_us] [fdr_us] [min_us] [crd_us] \
    [bu_us] [gal_wi] [pk_us] [dqt_us] [dpt_us] [tbs_us] [tsp_us] [cup_us] [foz_m] [cup_m] [tsp_m] [tbs_m] [gal_br] [pk_br] \
    [bu_br] [qt_br] [pt_br] [gil_br] [foz_br] [fdr_br] [min_br] [gr] [lb_av] [oz_av] [dr_av] [scwt_av] [lcwt_av] [ston_av] \
    [lton_av] [stone_av] [pwt_tr] [oz_tr] [lb_tr] [sc_ap] [dr_ap] [oz_ap] [lb_ap] [oz_m] [lne] [pnt] [pca] [pnt_pr] \
    [pca_pr] [pied] [pouce] [ligne] [didot] [cicero] [degF] [degR] [degRe] [Cal] [Btu_39] [Btu_59] [Btu_60] [Btu_m] \
    [Btu_IT] [Btu_th] [Btu] [HP] [den] [in_i'H2O] [in_i'Hg] [PRU] [wood'U] [diop] [p'diop] %[slope] [mesh_i] [Ch] [drp] \
    [hnsf'U] [MET] [hp'_X] [hp'_C] [hp'_M] [hp'_Q] [hp_X] [hp_C] [hp_M] [hp_Q] [kp_X] [kp_C] [kp_M] [kp_Q] [pH] [S] [HPF] \
    [LPF] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] [anti'Xa'U] [todd'U] [dye'U] [smgy'U] [bdsk'U] [ka'U] [knk'U] \
    [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] [BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U] [FEU] \
    [ELU] [EU] Ao b att [psi] circ sph [car_m] [car_Au] [smoot] [m/s2/Hz^(1/2)] bit_s";

/// Tells whether a code is a unit. A symbol in square brackets that is not listed may have been
/// added later: most new ones are such units of single laboratory methods.
pub(super) fn standing(code: &str) -> CodeStanding {
    let Some(symbols) = symbols(code) else {
        return CodeStanding::Invalid;
    };
    let unlisted: Vec<_> = symbols
        .into_iter()
        .filter(|symbol| !is_listed(symbol))
        .collect();
    match &unlisted[..] {
        [] => CodeStanding::Valid,
        unlisted if unlisted.iter().all(|symbol| symbol.contains('[')) => CodeStanding::Unsure,
        _ => CodeStanding::Invalid,
    }
}

fn is_listed(symbol: &str) -> bool {
    let prefixed = || {
        PREFIXES
            .iter()
            .filter_map(|prefix| symbol.strip_prefix(prefix))
            .any(is_with_prefix)
    };
    is_symbol(symbol) || prefixed()
}

/// Tells whether that is a symbol, which has no prefix.
pub(super) fn is_symbol(symbol: &str) -> bool {
    is_in(METRIC, symbol) || is_in(OTHER, symbol)
}

/// Tells whether that is a symbol that may have a prefix.
pub(super) fn is_with_prefix(symbol: &str) -> bool {
    is_in(METRIC, symbol)
}

fn is_in(list: &str, symbol: &str) -> bool {
    !symbol.is_empty() && list.split(' ').any(|known| known == symbol)
}

/// Returns the symbols of a unit, without numbers, exponents and annotations; none if the grammar
/// does not build it.
fn symbols(code: &str) -> Option<Vec<&str>> {
    // A space may stand in an annotation: the core package has such units.
    if code.is_empty() || !code.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    let (mut found, mut start, mut open, mut depth) = (Vec::new(), 0, None, 0_u32);
    for (at, letter) in code.char_indices() {
        match (open, letter) {
            (Some(close), letter) => {
                if letter == close {
                    open = None;
                    if close == '}' {
                        start = at + 1;
                    }
                } else if matches!(letter, '{' | '[') || (letter, close) == (' ', ']') {
                    return None;
                }
            }
            (None, '[') => open = Some(']'),
            (None, ']' | '}' | ' ') => return None,
            (None, '{' | '.' | '/' | '(' | ')') => {
                found.extend(symbol(&code[start..at]));
                start = at + 1;
                match letter {
                    '{' => open = Some('}'),
                    '(' => depth += 1,
                    ')' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
            }
            (None, _) => {}
        }
    }
    if open.is_some()
        || depth > 0
        || code.ends_with(['.', '/'])
        || code.starts_with('.')
        || code.contains("..")
        || code.contains("//")
    {
        return None;
    }
    found.extend(symbol(&code[start..]));
    Some(found)
}

/// Returns the symbol of a component without its exponent; none if it is a number.
fn symbol(component: &str) -> Option<&str> {
    let base = component.trim_end_matches(|c: char| c.is_ascii_digit());
    if base.is_empty() {
        return None;
    }
    Some(
        base.strip_suffix(['+', '-'])
            .filter(|_| base.len() < component.len())
            .unwrap_or(base),
    )
}
