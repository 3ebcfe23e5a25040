//! Rich results of real libraries: NumPy, pandas, Matplotlib.

use sandwire::kinds::kernel::ChartKind;

use super::{context, run, served, value};

/// What every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[tokio::test]
async fn numpy_and_pandas_give_text_and_tables() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    assert_eq!(value(&kernel, "import numpy as np; np.arange(6).reshape(2, 3).sum(axis=0)").await, "array([3, 5, 7])");
    let code = "import pandas as pd\nframe = pd.DataFrame({'name': ['a', '<b>'], 'value': [1, 2.5]})\nframe";
    let table = run(&kernel, code).await;
    assert_eq!(table.results[0].formats(), ["text", "html"]);
    let (text, html) = (table.results[0].text().unwrap(), table.results[0].html().unwrap());
    assert!(text.contains("  name  value\n"), "{text}");
    assert!(html.contains("<th>value</th>") && html.contains("&lt;b&gt;"), "{html}");
    let code = "pd.set_option('display.html.table_schema', True)\nframe";
    let table = run(&kernel, code).await;
    assert_eq!(table.results[0].formats(), ["text", "html", "data"]);
    assert_eq!(table.results[0].data().unwrap()["data"][1]["name"], "<b>");
    let failed = run(&kernel, "frame['no such']").await;
    assert_eq!(failed.error.unwrap().name, "KeyError");
}

#[tokio::test]
async fn matplotlib_gives_pictures() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let code = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()\naxes.plot([1, 2, 3])\nplt.show()";
    let shown = run(&kernel, code).await;
    assert_eq!((shown.error, shown.results.len()), (None, 1));
    let picture = &shown.results[0];
    assert_eq!((picture.formats(), picture.about.display), (vec!["text", "png"], true));
    let png = picture.png().unwrap();
    assert!(png.starts_with(PNG) && png.ends_with(b"IEND\xaeB`\x82"), "{} bytes", png.len());
    // A large one, as it was made: by its size and its checksum.
    let code = "from IPython.display import Image, display\nimport io, hashlib\nbuffer = io.BytesIO()\n\
                plt.imsave(buffer, np.random.default_rng(1).random((1000, 1000, 3))) if 'np' in globals() else None\n\
                import numpy as np\nbuffer = io.BytesIO()\n\
                plt.imsave(buffer, np.random.default_rng(1).random((1000, 1000, 3)))\n\
                print(hashlib.sha256(buffer.getvalue()).hexdigest(), len(buffer.getvalue()), end='')\n\
                display(Image(buffer.getvalue()), metadata={'made': 'here'})\n'after'";
    let large = run(&kernel, code).await;
    assert_eq!(large.error, None);
    let png = large.results[0].png().unwrap();
    assert!(png.len() > 2 << 20);
    let digest: String = {
        use sha2::Digest;
        sha2::Sha256::digest(png).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(large.text(), format!("{digest} {}", png.len()));
    assert_eq!(large.results[1].text(), Some("'after'"));
    // With a limit it is left out, and said so; what is small comes.
    let small = kernel.run(code).output_limit(100_000).run().await.unwrap();
    assert!(small.truncated && small.results[0].png().is_none());
    assert_eq!(small.results[1].text(), Some("'after'"));
}

#[tokio::test]
async fn every_format_comes_as_what_it_is() {
    let (_server, client) = served().await;
    let kernel = context(&client).await;
    let code = r#"
from IPython.display import display, Markdown, SVG, Latex, JSON, Javascript
from IPython.display import publish_display_data
for it in [Markdown('*m*'), SVG('<svg xmlns="http://www.w3.org/2000/svg"/>'), Latex('$x$'), JSON({'a': [1, None]}),
           Javascript('f()')]:
    display(it)
publish_display_data({'application/vnd.plotly.v1+json':
    {'data': [{'type': 'bar', 'x': ['a'], 'y': [1]}], 'layout': {'title': {'text': 'T'}}}, 'text/plain': 'chart'})
publish_display_data({'image/jpeg': '/9j/', 'application/octet-stream': 'AAEC', 'x/y': 'z'},
                     metadata={'image/jpeg': {'width': 3}})
publish_display_data({})
"#;
    let result = run(&kernel, code).await;
    assert_eq!(result.error, None);
    let results = &result.results;
    assert_eq!(results[0].markdown(), Some("*m*"));
    assert!(results[1].svg().unwrap().starts_with("<svg"));
    assert_eq!(results[2].latex(), Some("$x$"));
    assert_eq!(results[3].json().unwrap(), serde_json::json!({"a": [1, null]}));
    assert_eq!(results[4].javascript(), Some("f()"));
    let chart = results[5].chart().unwrap();
    assert_eq!((chart.kind, chart.title.as_deref(), results[5].text()), (ChartKind::Bar, Some("T"), Some("chart")));
    assert_eq!(results[5].formats(), ["text", "chart"]);
    assert_eq!(results[6].jpeg().map(|data| &data[..]), Some(&b"\xff\xd8\xff"[..]));
    assert_eq!(results[6].about.metadata.as_deref(), Some("{\"image/jpeg\":{\"width\":3}}"));
    assert_eq!(&results[6].part("application/octet-stream").unwrap().data[..], [0, 1, 2]);
    assert_eq!(&results[6].part("x/y").unwrap().data[..], b"z");
    assert!(results[7].parts.is_empty() && results[7].formats().is_empty());
}
