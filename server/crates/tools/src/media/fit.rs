//! Images that are too large for a model, made to fit.
//!
//! Must not know where one comes from, nor who will see it.
//!
//! **Invariant:** what fits is not touched, and what is made fits or is an error. An image says how large it is before room is made for it: none takes more
//! than `ROOM`.

use std::borrow::Cow;
use std::io::Cursor;

use config::ImageConfig;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits};

/// Most bytes that one takes while it is decoded: some 60 million pixels.
const ROOM: u64 = 256 << 20;
/// How well a JPEG is kept, from the best to the least, as OpenCode tries it.
const QUALITIES: [u8; 4] = [80, 70, 55, 40];
/// How often it is made smaller, each time by a quarter.
const ROUNDS: usize = 32;

/// Why an image cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It cannot be decoded, or is too large to be.
    #[error("it cannot be made smaller: {0}")]
    Image(#[from] ImageError),
    /// No smaller image would do.
    #[error("it cannot be made small enough")]
    TooLarge,
}

/// An image of this media type as it can be given, with its media type then. What cannot be told of one that is small enough is left to the model.
///
/// # Errors
/// If it does not fit, and cannot be made to.
pub fn fit<'a>(mime: &'static str, bytes: &'a [u8], bounds: &ImageConfig) -> Result<(&'static str, Cow<'a, [u8]>), Unfit> {
    let light = bytes.len() <= bounds.max_bytes();
    let size = reader(bytes).and_then(ImageReader::into_dimensions);
    let small = size.as_ref().is_ok_and(|&(width, height)| width <= bounds.max_width && height <= bounds.max_height);
    if light && (small || size.is_err()) {
        return Ok((mime, Cow::Borrowed(bytes)));
    }
    let mut image = decode(bytes)?;
    if !small {
        image = image.resize(bounds.max_width.max(1), bounds.max_height.max(1), FilterType::Triangle);
    }
    for _ in 0..ROUNDS {
        if let Some((mime, bytes)) = encode(&image, mime, bounds.max_bytes())? {
            return Ok((mime, Cow::Owned(bytes)));
        }
        let (width, height) = (image.width() * 3 / 4, image.height() * 3 / 4);
        if width == 0 || height == 0 {
            break;
        }
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    Err(Unfit::TooLarge)
}

fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, ImageError> {
    Ok(ImageReader::new(Cursor::new(bytes)).with_guessed_format()?)
}

/// As it is to be seen: cameras write which side is up beside the pixels.
fn decode(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    let mut decoder = reader(bytes)?.into_decoder()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(ROOM);
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// In the first way that takes no more than `most` bytes: without loss, where it was, else as a JPEG.
fn encode(image: &DynamicImage, was: &str, most: usize) -> Result<Option<(&'static str, Vec<u8>)>, ImageError> {
    if was != "image/jpeg" {
        let mut bytes = Vec::new();
        image.write_with_encoder(PngEncoder::new(&mut bytes))?;
        if bytes.len() <= most {
            return Ok(Some(("image/png", bytes)));
        }
    }
    let opaque = DynamicImage::from(image.to_rgb8());
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
        if bytes.len() <= most {
            return Ok(Some(("image/jpeg", bytes)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    /// Noise does not compress.
    fn noise(width: u32, height: u32) -> DynamicImage {
        let mut state = 7_u32;
        RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            Rgb([a, b, c])
        })
        .into()
    }

    fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn what_is_too_large_is_made_to_fit() {
        let check = |bytes: &[u8], mime, bounds: ImageConfig, expect: Option<(&str, u32, u32)>| {
            let got = fit(mime, bytes, &bounds).ok().map(|(mime, made)| {
                assert!(made.len() <= bounds.max_bytes(), "{} bytes", made.len());
                assert_eq!(crate::media::kind(&made), Some(mime));
                let image = image::load_from_memory(&made).unwrap();
                (mime, image.width(), image.height())
            });
            assert_eq!(got, expect, "{mime} {bounds:?}");
        };
        let of =
            |max_width, max_height, max_base64_bytes| ImageConfig { max_width, max_height, max_base64_bytes, ..ImageConfig::default() };
        let png = written(&noise(60, 30), ImageFormat::Png);
        check(&png, "image/png", of(60, 30, 40_000), Some(("image/png", 60, 30)));
        check(&png, "image/png", of(30, 30, 40_000), Some(("image/png", 30, 15)));
        check(&png, "image/png", of(60, 10, 40_000), Some(("image/png", 20, 10)));
        // Too heavy without loss.
        check(&png, "image/png", of(60, 30, 4_000), Some(("image/jpeg", 60, 30)));
        check(&png, "image/png", of(60, 30, 1_600), Some(("image/jpeg", 45, 22)));
        check(&png, "image/png", of(60, 30, 40), None);
        check(&written(&noise(60, 30), ImageFormat::Gif), "image/gif", of(30, 30, 40_000), Some(("image/png", 30, 15)));
        check(&written(&noise(60, 30), ImageFormat::WebP), "image/webp", of(30, 30, 40_000), Some(("image/png", 30, 15)));
        check(&written(&noise(60, 30), ImageFormat::Jpeg), "image/jpeg", of(30, 30, 40_000), Some(("image/jpeg", 30, 15)));
    }

    #[test]
    fn what_fits_or_cannot_be_read_is_left_as_it_is() {
        let check = |bytes: &[u8]| assert_eq!(fit("image/png", bytes, &ImageConfig::default()).unwrap().1, bytes);
        check(&written(&noise(10, 10), ImageFormat::Png));
        check(b"\x89PNG\r\n\x1a\n and so on");
        let heavy = ImageConfig { max_base64_bytes: 8, ..ImageConfig::default() };
        assert!(matches!(fit("image/png", b"\x89PNG\r\n\x1a\n and so on", &heavy), Err(Unfit::Image(_))));
    }

    #[test]
    fn what_is_up_stays_up() {
        // An EXIF block that says: turned by 90 degrees.
        let exif: &[u8] = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let jpeg = written(&noise(60, 30), ImageFormat::Jpeg);
        let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
        let (_, made) = fit("image/jpeg", &turned, &ImageConfig { max_width: 30, max_height: 30, ..ImageConfig::default() }).unwrap();
        let made = image::load_from_memory(&made).unwrap();
        assert_eq!((made.width(), made.height()), (15, 30));
    }

    #[test]
    fn one_that_says_it_is_huge_makes_no_room() {
        let chunk = |name: &[u8], data: &[u8]| {
            let crc = name.iter().chain(data).fold(!0_u32, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
            });
            [&u32::try_from(data.len()).unwrap().to_be_bytes(), name, data, &(!crc).to_be_bytes()].concat()
        };
        let png = |side: u32| {
            let header = [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
            [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], &chunk(b"IDAT", b"\x78\x9c\x03\0"), &chunk(b"IEND", b"")].concat()
        };
        let check = |side: u32, huge: bool| {
            let image = png(side);
            let got = fit("image/png", &image, &ImageConfig::default());
            assert_eq!(matches!(got, Err(Unfit::Image(ImageError::Limits(_)))), huge, "{side}");
        };
        check(60_000, true);
        check(8_192, false);
        check(8_193, true);
    }
}
