//! Topics of the words before a number.
//!
//! Nine digits mean nothing; nine digits after "BSN" are the number of a Dutch citizen. Words are noted as the scan passes them, so
//! that a detector asks for a position instead of searching backwards, and a stream holds no text for it.

/// Topics, one bit each.
pub(crate) mod bit {
    pub(crate) const PHONE: u64 = 1;
    /// Words that often stand before a phone number and often before something else.
    pub(crate) const CONTACT: u64 = 1 << 1;
    pub(crate) const CARD: u64 = 1 << 2;
    pub(crate) const BIRTH: u64 = 1 << 3;
    pub(crate) const PASSPORT: u64 = 1 << 4;
    pub(crate) const SSN: u64 = 1 << 5;
    pub(crate) const IP: u64 = 1 << 6;
    /// "Version" and its like: the number after it is no address.
    pub(crate) const VERSION: u64 = 1 << 7;
    pub(crate) const CRYPTO: u64 = 1 << 8;
    pub(crate) const AWS: u64 = 1 << 9;
    /// Number of a person, in words that do not tell the country.
    pub(crate) const PERSON: u64 = 1 << 10;
    /// Tax number, likewise.
    pub(crate) const TAX: u64 = 1 << 11;
    pub(crate) const GB_NHS: u64 = 1 << 12;
    pub(crate) const GB_NINO: u64 = 1 << 13;
    pub(crate) const CA_SIN: u64 = 1 << 14;
    pub(crate) const ES_DNI: u64 = 1 << 15;
    pub(crate) const FR_NIR: u64 = 1 << 16;
    pub(crate) const DE_TAX: u64 = 1 << 17;
    pub(crate) const DE_PENSION: u64 = 1 << 18;
    pub(crate) const NL_BSN: u64 = 1 << 19;
    pub(crate) const BE_NRN: u64 = 1 << 20;
    pub(crate) const PL_PESEL: u64 = 1 << 21;
    pub(crate) const BR_CPF: u64 = 1 << 22;
    pub(crate) const BR_CNPJ: u64 = 1 << 23;
    pub(crate) const IN_AADHAAR: u64 = 1 << 24;
    pub(crate) const IN_PAN: u64 = 1 << 25;
    pub(crate) const SE_PN: u64 = 1 << 26;
    pub(crate) const NO_FNR: u64 = 1 << 27;
    pub(crate) const DK_CPR: u64 = 1 << 28;
    pub(crate) const FI_HETU: u64 = 1 << 29;
    pub(crate) const PT_NIF: u64 = 1 << 30;
    pub(crate) const CL_RUT: u64 = 1 << 31;
    pub(crate) const AU_TFN: u64 = 1 << 32;
    pub(crate) const AU_MEDICARE: u64 = 1 << 33;
    pub(crate) const CN_ID: u64 = 1 << 34;
    pub(crate) const KR_RRN: u64 = 1 << 35;
    pub(crate) const TR_TCKN: u64 = 1 << 36;
    pub(crate) const JP_MY: u64 = 1 << 37;
    pub(crate) const MX_CURP: u64 = 1 << 38;
    pub(crate) const ZA_ID: u64 = 1 << 39;
    pub(crate) const SG_NRIC: u64 = 1 << 40;
    pub(crate) const HK_ID: u64 = 1 << 41;
    pub(crate) const TW_ID: u64 = 1 << 42;
    pub(crate) const CH_AHV: u64 = 1 << 43;
    pub(crate) const CZ_RC: u64 = 1 << 44;
    pub(crate) const RO_CNP: u64 = 1 << 45;
    pub(crate) const BG_EGN: u64 = 1 << 46;
    pub(crate) const HR_OIB: u64 = 1 << 47;
    pub(crate) const EE_CODE: u64 = 1 << 48;
    pub(crate) const GR_AMKA: u64 = 1 << 49;
    pub(crate) const IE_PPS: u64 = 1 << 50;
    pub(crate) const AT_SVNR: u64 = 1 << 51;
    pub(crate) const IL_ID: u64 = 1 << 52;
    pub(crate) const TH_ID: u64 = 1 << 53;
    pub(crate) const AR_CUIT: u64 = 1 << 54;
    pub(crate) const US_ITIN: u64 = 1 << 55;
    pub(crate) const IT_CF: u64 = 1 << 56;
    pub(crate) const IBAN: u64 = 1 << 57;
    /// A value after an equals sign is a password.
    pub(crate) const PASSWORD: u64 = 1 << 58;
    /// Likewise a key or token.
    pub(crate) const KEY: u64 = 1 << 59;
    pub(crate) const AZURE: u64 = 1 << 60;
    /// Schemes of authorization.
    pub(crate) const SCHEME: u64 = 1 << 61;

    /// Those that make nothing of a number, or nothing but a date or an address.
    const OTHERS: u64 = BIRTH | IP | VERSION | CRYPTO | AWS | IBAN | PASSWORD | KEY | AZURE | SCHEME;
    /// Those that tell of a number of a person.
    pub(crate) const NUMBERS: u64 = !OTHERS;
}

/// Distance behind a word within which a verb joins it with its value, bytes.
const VERB_REACH: usize = 4;
/// Distance behind a word within which a sign may assign a value to it, bytes.
const SIGN_REACH: usize = 13;
/// Distance behind a word for birth within which a date is one of birth, bytes.
const BIRTH_REACH: usize = 48;

/// For each topic, where a word that tells of it ended last.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    /// Position plus one; 0 is never.
    ended: [usize; 64],
    /// The latest of them.
    latest: usize,
    /// The latest of those that tell of a number of a person.
    latest_of_number: usize,
}

impl Default for Topics {
    fn default() -> Self {
        Self { ended: [0; 64], latest: 0, latest_of_number: 0 }
    }
}

impl Topics {
    /// A word of these topics ends at `end`.
    pub(crate) fn note(&mut self, topics: u64, end: usize) {
        self.latest = self.latest.max(end + 1);
        if topics & bit::NUMBERS != 0 {
            self.latest_of_number = self.latest_of_number.max(end + 1);
        }
        for topic in bits(topics) {
            if let Some(ended) = self.ended.get_mut(topic) {
                *ended = (*ended).max(end + 1);
            }
        }
    }

    /// Returns the position before which words and numbers may be of a date of birth.
    #[inline]
    pub(crate) fn birth_until(&self) -> usize {
        let ended = self.ended.get(bit::BIRTH.trailing_zeros() as usize).copied().unwrap_or(0);
        if ended == 0 { 0 } else { ended + BIRTH_REACH }
    }

    /// Returns the position before which a sign may assign a value to a word.
    #[inline]
    pub(crate) fn sign_until(&self) -> usize {
        self.latest + SIGN_REACH
    }

    /// Returns the position before which a verb, as in "the password is", joins a word with its value.
    #[inline]
    pub(crate) fn verb_until(&self) -> usize {
        self.latest + VERB_REACH
    }

    /// Returns whether any word ended at most `reach` bytes before.
    #[inline]
    pub(crate) fn any_near(&self, at: usize, reach: usize) -> bool {
        self.latest + reach > at
    }

    /// Returns whether a word that tells of a number of a person ended at most `reach` bytes before.
    #[inline]
    pub(crate) fn tell_of_number(&self, at: usize, reach: usize) -> bool {
        self.latest_of_number + reach > at
    }

    /// Returns whether a word of one of these topics ended at most `reach` bytes before `at`.
    #[inline]
    pub(crate) fn near(&self, topics: u64, at: usize, reach: usize) -> bool {
        if topics == u64::MAX && self.latest <= at + 1 {
            return self.latest > 0 && at + 1 - self.latest <= reach;
        }
        let near = |ended: usize| ended > 0 && ended <= at + 1 && at + 1 - ended <= reach;
        // Words end in the order of the text, so that one look tells that there was none.
        self.latest + reach > at && bits(topics).any(|topic| self.ended.get(topic).copied().is_some_and(near))
    }

    /// Returns how many bytes before `at` the last word of these topics ended.
    pub(crate) fn distance(&self, topics: u64, at: usize) -> Option<usize> {
        at.checked_sub(self.ended(topics)?)
    }

    /// Returns where the last word of these topics ended.
    pub(crate) fn ended(&self, topics: u64) -> Option<usize> {
        bits(topics).filter_map(|topic| self.ended.get(topic).copied()?.checked_sub(1)).max()
    }
}

/// Returns the places of the bits that are set, lowest first.
pub(crate) fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}
