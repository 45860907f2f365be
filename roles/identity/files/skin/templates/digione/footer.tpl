  </div>
<script src="<TMPL_VAR NAME="SCRIPTNAME">psgi.js"></script>
</body>
</html>
