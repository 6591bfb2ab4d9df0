use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// 27 x 35 pixels by `cjpeg` of libjpeg-turbo 3.2, and digests of what it makes of them at an eighth, a quarter and
/// a half.
const PICTURES: [(&str, [u32; 3], &str); 5] = [
    (
        "4:2:0, a restart after every MCU",
        [0x8e63_8dbd, 0xf2e5_29c3, 0xe7d9_69f8],
        concat!(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB",
            "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P",
            "T09PT09PT09PT09PT0//wAARCAAjABsDASIAAhEBAxEB/8QAGgAAAwEAAwAAAAAAAAAAAAAAAAMFBgIEB//EACkQAAEDAwEH",
            "BQEBAAAAAAAAAAECAwQAESExBQYSEyJhgRVBUbHhUqH/xAAZAQADAAMAAAAAAAAAAAAAAAACAwQBBQb/xAApEQABAwIDBgcA",
            "AAAAAAAAAAABAAMRAgQhQfASMVFhscEFBhMjNHKR/90ABAAC/9oADAMBAAIRAxEAPwDGRopWsEdR/vS3a1W4sbIx+URItzxk",
            "8R0Btaq8WNkY/K3wf2WjVO/XPqTz3LLDibBjaH/auNxugdNKgxtDbzXTkt8+QtwJFicW9wMCuduHfUrida0Ud74kLOgGJJym",
            "F//Q5sRiAAcn7qpFjZGPymMxs2t4qg222w2XHlobQnVSyAB5NPvLnCAo7WuYhKlutbO2W9KfcDaEptxk21xjvXnMjeDabj61",
            "RneUyVHlo5acJ9r3Bz5qnvrtr1R5mDGBERpXMuU5cVkA/IGuO+fgR243QOmlW7NNFG26JJyOXVUXDFJd90SQIg5Z/q//0day",
            "lN7WxWU3llPu7XdiLcJYZKShGgBKRnvqdfmiiiZALxngeyLy6AX8ch3CzUhI9RcNs9P0KotoTwDFFFG/jE8Al3fyHPseq//Z",
        ),
    ),
    (
        "4:2:2",
        [0x357c_6a64, 0x9a3e_c0ba, 0xbc0b_ac06],
        concat!(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R",
            "V19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj",
            "Y2NjY2NjY2NjY2NjY2P/wAARCAAjABsDASEAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAABQYEB//EACkQAAECBQMCBgMA",
            "AAAAAAAAAAECAwAEESExBRIiQVEGE2GBkbEUFWL/xAAZAQADAQEBAAAAAAAAAAAAAAADBAUCAAH/xAApEQABBAACCgIDAAAA",
            "AAAAAAABAAIDEQQhBRITMUFRYXGhsSIjM/Dx/9oADAMBAAIRAxEAPwCVYlypQI5f1intC0uxi0XWvOoXXd+evTt0RIjuS8ox",
            "j7hdEvwHGIWKfbk+05KRlpep3V3HFaUhOXYxaKhf9V3d53zUqEpeUYxGV9HnPrcAFCbU7dIiudbyUrpeSo2t5n1/VlZlyKA5",
            "hCXYxaKWJeQKKJAVtmXG5HT3Zh1YbSkU3E0z29Yhntbn1vLUw55bRPBOxNh0zW8IYWJsus54sLp4mzy/MWAPJ/fKsGmL49o2",
            "tobaRvdWlCE5Uo0AjWJeTkEPD2aAUj4r1b9i61KMAiWbO+pF1nAPp1t6/BiJfgOMGY3ZRNbvKembs5C3kuhtJFaUic16Zec1",
            "NyWUsllogoR0BKR8wOMAym+FrzQrQ6azwCAfA/OWadvoRuQhOwWjc2dWs4j8z+59r//Z",
        ),
    ),
    (
        "4:4:0, progressive",
        [0x27a4_d7ee, 0x9f8e_dd4a, 0xa52b_7939],
        concat!(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R",
            "V19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj",
            "Y2NjY2NjY2NjY2NjY2P/wgARCAAjABsDARIAAhEBAxEB/8QAGQAAAgMBAAAAAAAAAAAAAAAAAAIDBAUG/8QAGQEBAQADAQAA",
            "AAAAAAAAAAAAAwQAAQIF/9oADAMBAAIQAxAAAAHKt2clnFa1IjQDJFasJbE1C5WuoFcehCDOE9nPNyThD//EAB0QAAMBAAID",
            "AQAAAAAAAAAAAAABAgMREgQTITL/2gAIAQEAAQUCUkolHUmSUSh/WpJRTUZva+UhcI8rX2PqI3pvR/s//8QAHREBAAICAgMA",
            "AAAAAAAAAAAAAQACBBEDEBIzQf/aAAgBAwEBPwEYMGWzQdBKsqzkqhphSh8lZjB4DMj2vX//xAAiEQACAgAEBwAAAAAAAAAA",
            "AAAAAgEDEBESIiExQlGxwfD/2gAIAQIBAT8BWdU5/e/I9g9mEuM4lctxY29huZXGw6ST/8QAHBAAAgICAwAAAAAAAAAAAAAA",
            "ARACIQARIDJB/9oACAEBAAY/Aue2ZGso6CvBEdQzHwP/xAAeEAEAAQQDAQEAAAAAAAAAAAABABARMUEhUWFxgf/aAAgBAQAB",
            "PyG89+1c4YmzNXN+qUQsNx7eoLFEBdAG2e4z7DhiCNR6j8meAWn/2gAMAwEAAgADAAAAEAaTFvHQ/v/EAB8RAAEDAwUAAAAA",
            "AAAAAAAAAAEAEBEhkbExQcHR4f/aAAgBAwEBPxCN9M5AG8+MkNAtK03jhBIhZgggqe1gYDf/xAAjEQABAwIFBQAAAAAAAAAA",
            "AAABABEhgfAxQZGh4VFhscHR/9oACAECAQE/EJScO/ty0o62Xwrr+piZJ24TQZHMC7oimEN7rRMMM04WUgSaZ8lElpQB1//E",
            "AB4QAAIDAAIDAQAAAAAAAAAAAAERACExQVFhgbGR/9oACAEBAAE/EDAI+C9TGpn9lWHGzY0pjUzi2ARNLriECB2Y1BCwExW9",
            "eY3UnqhxruX56nK+xEBFfINcizwHxzXn8qwJpQpUlB4wSH7BDV18EW1P/9k=",
        ),
    ),
    (
        "4:4:4",
        [0xe667_3766, 0xaffb_b895, 0x3020_92e9],
        concat!(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB",
            "RkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09P",
            "T09PT09PT09PT09PT0//wAARCAAjABsDAREAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAABQYEB//EACkQAAEDAwEHBQEB",
            "AAAAAAAAAAECAwQAESExBQYSEyJhgRVBUbHhUqH/xAAaAQACAwEBAAAAAAAAAAAAAAAEBQADBgIB/8QALxEAAQMBBgQFAwUA",
            "AAAAAAAAAQACAxEEEiExQaFhcYGxBRMiMlEUNNFSweHw8f/aAAwDAQACEQMRAD8AjI0UrWCOo/3pbtan7XOtEge03j+vKnC6",
            "c+fHgvI3UCbixsjH5RE8u2yLjcnIMbQ/7SS0y616otrk43G6B00mc/HLdWXlDxItzxk8R0BtatRZnB5MxdfOQNCMPimWB15j",
            "RZ1jqYJeLGyMflVTy7bI6NycgxtDbzSO0za16oprljkt8+QtwJFicW9wMCuGG6KU3WEttp8+0PkBwJw5DAbLGxGIAByfutE9",
            "7mtDXGp78eCdxOSkWNkY/KVTy7bJhG5b5brWztlvSn3A2hKbcZNtcY70r9Usoa3VS1yuZA4M9xwGmJ/GfRc5kbwbTcfWqM7y",
            "mSo8tHLThPte4OfNOm2GEAB7KnmUui8Ms7WAPFTrif4V2zGza3ipNJpsqYXJBttthsuPLQ2hOqlkADyaUyvc80bie35TOEOe",
            "brRUqH31216o8zBjAiI0rmXKcuKyAfkDXHfPwGNgs/kNMrj6jhX9v7/ptth+nusd7iKn4Hx1zqh243QOmu3Pxy3Qd5dSZSm9",
            "rYoSbB13RJ4SpTeWU+7td2ItwlhkpKEaAEpGe+p1+aJssbRDfpjj3K3Xg0LGwNkA9RzPVTUhI9RcNs9P0KuLiIQ7VJ/FfvX9",
            "OwSLaE8AxQDmCqAqV//Z",
        ),
    ),
    (
        "grey, progressive",
        [0x5623_e401, 0x1017_f7a7, 0x0db9_5048],
        concat!(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdB",
            "RkxOUlNSMj5aYVpQYEpRUk//wgALCAAjABsBAREA/8QAFwABAQEBAAAAAAAAAAAAAAAABAUDBv/aAAgBAQAAAAGK5zoa3Y4q",
            "Rzl1EMfUypif/8QAGxAAAwEBAAMAAAAAAAAAAAAAAAECAwQREzP/2gAIAQEAAQUCmSZIkUkyTJElLzSkmSms8q6NG1Ikku3b",
            "2tSI6ab1r6I//8QAHhAAAQQBBQAAAAAAAAAAAAAAAQIQESEAICIyQXH/2gAIAQEABj8C1y5UTGbTA6ppNYEJ4i/XKZoYW//E",
            "AB4QAAICAwADAQAAAAAAAAAAAAABETEQIUFRYYGh/9oACAEBAAE/IZX595rRR3vNSUM1EOJWMr2OkKxSJSLrOrrixooVDa04",
            "XwT8BFB//9oACAEBAAAAEIfPr//EACAQAQADAAEFAAMAAAAAAAAAAAEAESExQVFhgeGhsdH/2gAIAQEAAT8QY01614qamfJw",
            "v5mOLm7bgaqamfJwte5VQpcrqGEcAdf3NTPkPFSXa5zPMsty6J0XY77mtV6iLk0oB7ZUFNx1oD3DnPO9jHFiqyN+WXGCjfPL",
            "z3gXVv8ABKXJ/9k=",
        ),
    ),
];

fn picture(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).expect("base64")
}

fn digest(pixels: &[u8]) -> u32 {
    pixels.iter().fold(0, |digest, &byte| digest.wrapping_mul(31).wrapping_add(byte.into()))
}

#[test]
fn pixels_are_those_of_libjpeg_turbo() {
    for (name, digests, text) in PICTURES {
        for (size, expected) in [1, 2, 4].into_iter().zip(digests) {
            let found = decode(&picture(text), size).expect("a picture");
            assert_eq!((found.width, found.height), ((27 * size).div_ceil(8), (35 * size).div_ceil(8)), "{name}");
            assert_eq!(digest(&found.pixels), expected, "{name} at {size}/8");
        }
    }
}

#[test]
fn what_is_cut_short_or_damaged_ends_without_a_panic() {
    for (name, _, text) in PICTURES {
        let jpeg = picture(text);
        for end in (0..jpeg.len()).step_by(5) {
            assert_eq!(decode(&jpeg[..end], 2), None, "{name}, {end} of {}", jpeg.len());
        }
        for place in (2..jpeg.len()).step_by(3) {
            for value in [0, 0xff] {
                let mut torn = jpeg.clone();
                torn[place] = value;
                let _ = decode(&torn, 2);
            }
        }
    }
}
