// SPDX-License-Identifier: Apache-2.0
//! Texts as tokens and back.

use crate::common::{tokenizer_json, words};
use proptest::prelude::*;
use systole_llm::samples::{self, pieces, tokenizer_bin};
use systole_llm::tokenizer::{HuggingFace, Llama2c, Stream, Tokenizer};
use systole_llm::{LlmError, open};

fn llama2c(pieces: &[(String, f32)]) -> Tokenizer {
    Llama2c::new(&tokenizer_bin(pieces), pieces.len()).expect("a tokenizer").into()
}

fn of_pieces(t: &Tokenizer, all: &[(String, f32)], text: &str) -> Vec<String> {
    t.encode(text).expect("tokens").iter().map(|&t| all[t].0.clone()).collect()
}

#[test]
fn merges_are_made_by_score_as_computed_by_hand() {
    let all = words();
    let t = llama2c(&all);
    let split = |text: &str| of_pieces(&t, &all, text);
    // " t" is the best merge and comes before "he"; then " the" joins both. "ca" precedes "at": "cat" joins "ca" and "t".
    assert_eq!(split("the cat"), [" the", " cat"]);
    assert_eq!(split("sat on a mat."), [" sat", " on", " a", " ", "m", "at", "."]);
    // The first of equal places: "hehe" has "he" twice; the left one is merged first, the right one stays possible.
    assert_eq!(split("hehe"), [" ", "he", "he"]);
    assert_eq!(split(""), Vec::<String>::new());
    assert_eq!(split(" "), [" ", " "]);
    // é has a token; z and ü have only their bytes, which never merge here.
    assert_eq!(split("é z"), [" ", "é", " ", "<0x7A>"]);
    assert_eq!(split("ü"), [" ", "<0xC3>", "<0xBC>"]);
    assert_eq!(t.encode("z").expect("tokens")[1], usize::from(b'z') + 3);
    assert_eq!(split("a\n\0"), [" a", "<0x0A>", "<0x00>"]);
}

#[test]
fn of_equal_scores_the_first_place_is_merged() {
    let mut all = pieces(&["aa", "a", " "]);
    assert_eq!(of_pieces(&llama2c(&all), &all, "aaa"), [" ", "aa", "a"]);
    // "ab" and "bc" with one score: the left one wins, whatever their tokens.
    all = pieces(&["bc", "ab", "a", "b", "c", " "]);
    for p in &mut all[259..261] {
        p.1 = -0.0;
    }
    all[260].1 = 0.0;
    assert_eq!(of_pieces(&llama2c(&all), &all, "abc"), [" ", "ab", "c"]);
    // A score of -1e10 and below is no merge.
    all[259].1 = -1e10;
    all[260].1 = f32::NAN;
    assert_eq!(of_pieces(&llama2c(&all), &all, "abc"), [" ", "a", "b", "c"]);
}

#[test]
fn decoding_strips_the_prefix_and_joins_bytes() {
    let all = words();
    let t = llama2c(&all);
    for text in ["the cat sat on a mat.", "é ü z 🦊", "  two", "", "a\nb", "<0x41>"] {
        let tokens = t.encode(text).expect("tokens");
        assert_eq!(t.decode(&tokens, 1), text);
        // The start symbol has no text.
        assert_eq!(t.decode(&[&[1], tokens.as_slice()].concat(), 1), text);
    }
    // Behind other tokens the space stays.
    let the = t.encode("the").expect("tokens")[0];
    assert_eq!(t.decode(&[the, the], 1), "the the");
    // A byte at a time: text appears when a character is whole; what never is becomes U+FFFD.
    let mut stream = Stream::new(&t, 1);
    let parts: Vec<String> = [0xf0, 0x9f, 0xa6, 0x8a, 0xff, 0x41].map(|b: usize| stream.push(b + 3)).to_vec();
    assert_eq!(parts, ["", "", "", "🦊", "\u{fffd}", "A"]);
    assert_eq!(stream.push(0xc3 + 3), "");
    assert_eq!(stream.finish(), "\u{fffd}");
}

#[test]
fn a_vocabulary_without_bytes_names_the_character_it_has_not() {
    let all: Vec<(String, f32)> = ["<unk>", "\n<s>\n", "\n</s>\n", " ", "a", "b", "ab"].map(|p| (p.to_string(), 0.0)).to_vec();
    let t = llama2c(&all);
    assert_eq!(of_pieces(&t, &all, "abba"), [" ", "ab", "b", "a"]);
    assert!(matches!(t.encode("abc"), Err(LlmError::Character('c'))));
    // Without a token for the end of a line, each is a text of its own.
    assert_eq!(t.texts("ab\n\na\n", Some(1)).expect("tokens"), [vec![3, 6, 1], vec![3, 4, 1]]);
    assert_eq!(t.texts("ab", Some(1)).expect("tokens"), [vec![3, 6]]);
    let whole = llama2c(&words());
    assert_eq!(whole.texts("a\nb", Some(1)).expect("tokens"), [whole.encode("a\nb").expect("tokens")]);
}

#[test]
fn hugging_face_tokenizers_are_read_as_their_crate_does() {
    let t: Tokenizer = HuggingFace::new(tokenizer_json().as_bytes(), 288).expect("a tokenizer").into();
    // Bytes are tokens 0 to 255; " t" is 256, "he" 257, " the" 258.
    assert_eq!(t.encode("the the").expect("tokens"), [usize::from(b't'), 257, 258]);
    for text in ["the cat sat on the mat.", "é ü 🦊", "a\n b"] {
        let tokens = t.encode(text).expect("tokens");
        assert_eq!(t.decode(&tokens, 259), text);
        assert_eq!(t.decode(&[&[259], tokens.as_slice(), &[260]].concat(), 259), text);
    }
    let mut stream = Stream::new(&t, 259);
    let parts: Vec<String> = [0xf0, 0x9f, 0xa6, 0x8a, 258].map(|b| stream.push(b)).to_vec();
    assert_eq!(parts, ["", "", "", "🦊", " the"]);
}

#[test]
fn no_length_in_the_file_cuts_or_fills_a_text() {
    let json = tokenizer_json()
        .replace(r#""truncation":null"#, r#""truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0}"#)
        .replace(
            r#""padding":null"#,
            r#""padding":{"strategy":{"Fixed":9},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"!"}"#,
        );
    let t = HuggingFace::new(json.as_bytes(), 288).expect("a tokenizer");
    assert_eq!(t.encode("a cat").expect("tokens").len(), 5);
}

/// The rule of run.c as it is written: look at every pair, merge the best, until there is none.
fn slowly(all: &[(String, f32)], text: &str) -> Vec<usize> {
    let find = |piece: &str| all.iter().position(|p| p.0 == piece);
    let mut tokens = vec![];
    for c in format!(" {text}").chars() {
        match find(&c.to_string()) {
            Some(token) => tokens.push(token),
            None => tokens.extend(c.to_string().bytes().map(|b| usize::from(b) + 3)),
        }
    }
    loop {
        let mut best = (-1e10, 0, 0);
        for i in 1..tokens.len() {
            if let Some(token) = find(&format!("{}{}", all[tokens[i - 1]].0, all[tokens[i]].0)).filter(|&t| all[t].1 > best.0) {
                best = (all[token].1, i, token);
            }
        }
        if best.1 == 0 {
            return tokens;
        }
        tokens[best.1 - 1] = best.2;
        tokens.remove(best.1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_run_cs_and_every_text_comes_back(
        text in "[ abcdehist.é\n]{1,60}|\\PC{1,20}",
        scores in prop::collection::vec(-3i8..3, 12),
    ) {
        let mut all = words();
        for (piece, score) in all[259..].iter_mut().zip(scores) {
            piece.1 = score.into();
        }
        let t = llama2c(&all);
        let tokens = t.encode(&text).expect("tokens");
        prop_assert_eq!(&tokens, &slowly(&all, &text));
        prop_assert_eq!(t.decode(&tokens, 1), text);
    }
}

#[test]
fn stories260k_splits_text_as_the_slow_rule_does() {
    let Some(folder) = samples::stories() else { return };
    let (model, t) = open(&folder, None).expect("a model and its tokenizer");
    // Its pieces and scores, read by another way than the reader's.
    let bytes = std::fs::read(folder.join("tok512.bin")).expect("a tokenizer");
    let (mut all, mut rest) = (vec![], &bytes[4..]);
    while let Some((head, more)) = rest.split_at_checked(8) {
        let (score, length) = (f32::from_le_bytes([head[0], head[1], head[2], head[3]]), usize::from(head[4]));
        all.push((String::from_utf8_lossy(&more[..length]).into_owned(), score));
        rest = &more[length..];
    }
    for text in ["Once upon a time", "Tom & Zoë went to the park; \"Hello!\" said 3 birds.\n🦊", "a  b\n\nc"] {
        let tokens = t.encode(text).expect("tokens");
        assert_eq!(tokens, slowly(&all, text));
        assert_eq!(t.decode(&tokens, model.start), text);
    }
}
