//! Personal data.

use super::{check, check_everywhere, found, nothing};

#[test]
fn emails_are_found_everywhere() {
    for address in ["john.doe+x@example.org", "o'neil@mail.co.uk", "a_b%c@sub-domain.example.museum"] {
        check("email", &format!("Mail <⟦{address}⟧>, please."));
        check("email", &format!("mailto:⟦{address}⟧?subject=x"));
        check("email", &format!("邮箱⟦{address}⟧。"));
    }
    nothing("a@b icon@2x.png user@unit.service @handle foo@bar. x@.com a@b..com @media (min-width: 3px)");
}

#[test]
fn cards_need_issuer_length_and_check_digit() {
    check_everywhere("card", "4111111111111111");
    check("card", "⟦4111 1111 1111 1111⟧ 12/27, ⟦5555-5555-5555-4444⟧, ⟦3782 822463 10005⟧; ⟦6011111111111117⟧");
    check("card", "Maestro card ⟦6759649826438453⟧, diners card ⟦30569309025904⟧");
    nothing(
        "4111111111111112 4111 1111 1111 1112 1234567812345670 0.4111111111111111 41111111111111111 4111-1111-1111-1111-1111",
    );
}

#[test]
fn ibans_need_length_and_check_digits() {
    check_everywhere("iban", "DE89370400440532013000");
    // The end of a UUID with right check digits by chance.
    nothing("f493c1bb-ffc0-ba99-a4f8-486024495200");
    check("iban", "⟦GB82-WEST-1234-5698-7654-32⟧");
    check("iban", "⟦GB82 WEST 1234 5698 7654 32⟧, ⟦FR14 2004 1010 0505 0001 3M02 606⟧. ⟦NO93 8601 1117 947⟧");
    nothing("DE89370400440532013001 DE8937040044053201300 XX89370400440532013000 DE89 3704 0044 0532 0130 01");
}

#[test]
fn phones_need_a_known_form_or_a_word() {
    check("phone", "⟦+44 (0)20 7946 0958⟧, ⟦+1 415 555 2671⟧; ⟦+4915112345678⟧ ⟦+33 6 12 34 56 78⟧.");
    check(
        "phone",
        "⟦(415) 555-2671⟧ ⟦415-555-2671⟧ ⟦415.555.2671⟧ ⟦1-415-555-2671⟧ ⟦415-555-2671 x12⟧ ⟦010-1234-5678⟧",
    );
    check("phone", "phone: ⟦4155552671⟧, Tel. ⟦030 901820⟧, 电话⟦13812345678⟧, teléfono ⟦912 345 678⟧");
    nothing(
        "4155552671 order 13812345678 2024-01-31 12:30 +100 a+4915112345678 1,234,567 10.12.2024 115-055-2671 +999123456789",
    );
}

#[test]
fn ssns_need_dashes_or_a_word() {
    check("us_ssn", "⟦536-22-8726⟧; SSN ⟦536228726⟧, ssn: ⟦536 22 8726⟧");
    check("us_itin", "⟦912-70-1234⟧");
    nothing("536228726 000-12-3456 666-12-3456 536-00-8726 536-22-0000 1536-22-8726 536-22-87261 ssn: 666228726");
    nothing("the card in the wallet said 078-05-1120");
}

#[test]
fn national_ids_need_check_digits_or_a_word() {
    for (kind, told) in [
        ("gb_nhs_number", "NHS number ⟦943 476 5919⟧"),
        ("ca_sin", "SIN ⟦130 692 544⟧"),
        ("fr_nir", "⟦2 55 08 14 168 025 38⟧"),
        ("de_tax_id", "Steuer-ID: ⟦86 095 742 719⟧"),
        ("de_pension_number", "⟦15 070649 C 103⟧"),
        ("nl_bsn", "BSN: ⟦111222333⟧"),
        ("be_national_number", "⟦85.07.30-033.28⟧"),
        ("pl_pesel", "PESEL ⟦44051401359⟧"),
        ("br_cpf", "⟦529.982.247-25⟧"),
        ("br_cnpj", "⟦11.222.333/0001-81⟧ ⟦12.ABC.345/01DE-35⟧"),
        ("se_personal_number", "⟦811218-9876⟧"),
        ("fi_hetu", "⟦131052-308T⟧"),
        ("pt_nif", "NIF: ⟦123456789⟧"),
        ("cl_rut", "⟦12.345.678-5⟧"),
        ("au_medicare", "⟦2123 45670 1⟧"),
        ("cn_resident_id", "⟦11010519491231002X⟧"),
        ("tr_tckn", "TC Kimlik No ⟦10000000146⟧"),
        ("jp_my_number", "マイナンバー: ⟦123456789018⟧"),
        ("mx_curp", "⟦HEGG560427MVZRRL04⟧"),
        ("za_id", "ID number: ⟦8001015009087⟧"),
        ("sg_nric", "⟦S1234567D⟧"),
        ("hk_id", "⟦A123456(3)⟧"),
        ("ch_ahv", "⟦756.9217.0769.85⟧"),
        ("es_dni", "⟦12345678Z⟧, ⟦X1234567L⟧, ⟦12345678-Z⟧"),
        ("it_fiscal_code", "⟦RSSMRA85T10A562S⟧"),
        ("gb_nino", "⟦AB123456C⟧ ⟦AB 12 34 56 C⟧"),
        ("in_pan", "⟦ABCPE1234F⟧"),
        ("th_id", "⟦1-1017-00230-70-8⟧"),
        ("ie_pps", "PPS number ⟦1234567T⟧"),
    ] {
        check(kind, told);
    }
    nothing("9434765919 130692544 111222333 44051401359 52998224725 123456789 10000000146 123456789018 8001015009087");
    nothing("529.982.247-26 12345678A RSSMRA85T10A562T S1234567E 11010519491231002Y GB123456A 12.345.678-6");
}

#[test]
fn versions_are_no_addresses() {
    check(
        "ip_address",
        "⟦93.184.216.34⟧, http://⟦93.184.216.34⟧:80/ \"⟦10.20.30.40⟧\" ⟦2606:2800:220:1:248:1893:25c8:1946⟧ [⟦fe80::1ff:fe23:4567:890a⟧]",
    );
    check("ip_address", "ip ⟦4.4.4.4⟧");
    check("mac_address", "⟦3c:5a:b4:12:9f:0e⟧ ⟦3C-5A-B4-12-9F-0E⟧, mac ⟦3c5a.b412.9f0e⟧");
    nothing(
        "v1.2.3.4 version 93.184.216.34 1.2.3 1.2.3.4.5 127.0.0.1 0.0.0.0 255.255.255.0 Chrome/120.0.60.10 256.1.1.1 lib-93.184.216.34",
    );
    nothing(
        "12:34:56 std::vector a::b ::1 dead::beef 00:00:00:00:00:00 3c:5a:b4:12:9f 3c:5a:b4:12:9f:0e:11:22 192.0.2.1 2001:db8::1",
    );
}

#[test]
fn crypto_addresses_need_checksums() {
    check_everywhere("bitcoin_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
    check(
        "bitcoin_address",
        "⟦bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4⟧, ⟦BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4⟧",
    );
    check(
        "ethereum_address",
        "⟦0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed⟧, wallet ⟦0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed⟧",
    );
    check("ripple_address", "⟦rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh⟧");
    nothing("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5");
    nothing("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD commit 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
}

#[test]
fn birth_dates_and_passports_need_a_word() {
    check("birth_date", "born on ⟦12 March 1980⟧; dob: ⟦1980-03-12⟧; geboren am ⟦12. März 1980⟧; née le ⟦12/03/1980⟧");
    check("birth_date", "\"dateOfBirth\": \"⟦1980-03-12⟧\", birthday ⟦March 12th, 1980⟧, 生年月日⟦1980年5月6日⟧");
    check("passport", "passport no. ⟦C01X00T47⟧, Reisepass: ⟦C01X00T47⟧, паспорт ⟦123456789⟧");
    nothing("on 12 March 1980 released 1980-03-12; C01X00T47; born on 45 March 1980, dob 1980-13-40");
}

#[test]
fn other_numbers_pass() {
    for text in [
        "1700000000 1700000000000 1700000000000000000 2024-01-31T12:30:45.123456789Z",
        "123e4567-e89b-12d3-a456-426614174000 d41d8cd98f00b204e9800998ecf8427e 0xDEADBEEF 1e10 3.14159265358979",
        "Order 10045678, invoice 2024-000123, page 12 of 345, $1,234,567.89, ISBN 978-3-16-148410-0, 50%",
        "static TABLE: [u32; 4] = [305419896, 2596069104, 1985229328, 4275878552];",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn own_word_decides_the_kind_of_a_number() {
    for (kind, text) in [
        ("us_ssn", "my social security number is ⟦474-22-4816⟧"),
        ("us_ssn", "my social security number is ⟦474 22 4816⟧"),
        ("us_ssn", "call me; social security number is ⟦474.22.4816⟧"),
        ("us_ssn", "phone and social security number: ⟦474224816⟧"),
        ("phone", "SSN on file, phone number: ⟦415 555 2671⟧"),
        ("gb_nhs_number", "my number is the NHS number ⟦943 476 5919⟧"),
        ("dk_cpr", "call the CPR number ⟦110218-9873⟧"),
        ("se_personal_number", "personal identity number (Sweden) ⟦811218-9876⟧"),
        ("passport", "contact, number is passport no ⟦123456789⟧"),
    ] {
        check(kind, text);
    }
}

#[test]
fn card_beside_its_word_needs_check_digit() {
    check("card", "credit card ⟦1234567812345670⟧");
    check("card", "card number: ⟦9999 9999 9999 9995⟧");
    nothing("credit card 1234567812345671");
    nothing("order 1234567812345670");
}
